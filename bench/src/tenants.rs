//! `bench/run tenants`: what naming the tenant for each transaction costs. By hand it takes BEGIN, `set_config`, the
//! query and COMMIT, in four round trips or in one message; a login of tenantry that is fixed to a tenant sends the
//! query alone. With as many clients as server connections each connection may keep its tenant; with more it changes
//! with nearly every transaction.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use tenantry_engine::bench::{Observer, Options};
use tenantry_pg::Target;

use crate::gauge::Used;
use crate::ground::{Ground, NOTES_PER_TENANT, Notes, Tenant};
use crate::load::{Client, Load, Transaction};
use crate::peer::{Name, Peer, Running, Size};
use crate::table::{Cell, Row, Table, median};

/// What to compare.
#[derive(Clone, Debug, clap::Args)]
pub struct Plan {
    /// Who competes
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Name::PgBouncer, Name::Tenantry])]
    pub peers: Vec<Name>,
    /// Tenants that have notes
    #[arg(long, default_value_t = 1_000)]
    pub tenants: u32,
    /// Numbers of clients, each for a tenant of its own
    #[arg(long, value_delimiter = ',', default_values_t = [10, 50])]
    pub clients: Vec<u32>,
    /// Connections to the server
    #[arg(long, default_value_t = 10)]
    pub pool: u32,
    /// Rounds of each lane
    #[arg(long, default_value_t = 5)]
    pub rounds: u32,
    /// Seconds of a round
    #[arg(long, default_value_t = 2)]
    pub seconds: u64,
}

/// Before a round counts.
const WARM_UP: Duration = Duration::from_millis(500);

/// How the tenant is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Not at all, on the unprotected table.
    Plain,
    /// BEGIN, `set_config`, the query, COMMIT: four messages.
    RoundTrips,
    /// The same in one message.
    OneMessage,
    /// By the login.
    Login,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "no tenant",
            Self::RoundTrips => "4 round trips",
            Self::OneMessage => "1 message",
            Self::Login => "login",
        }
    }

    fn table(self) -> Notes {
        match self {
            Self::Plain => Notes::Plain,
            Self::RoundTrips | Self::OneMessage => Notes::ByHand,
            Self::Login => Notes::Isolated,
        }
    }

    /// A look at one of the tenant's notes.
    fn transaction(self, tenant: &Tenant) -> Transaction {
        let (table, first, key) = (self.table().table(), Notes::first_id(tenant.number), tenant.key);
        Arc::new(move |rng| {
            let select =
                format!("SELECT body FROM {table} WHERE id = {}", first + rng.u64(..u64::from(NOTES_PER_TENANT)));
            let set = format!("SELECT set_config('app.tenant_id', '{key}', true)");
            match self {
                Self::Plain | Self::Login => vec![select],
                Self::RoundTrips => vec!["BEGIN".into(), set, select, "COMMIT".into()],
                Self::OneMessage => vec![format!("BEGIN; {set}; {select}; COMMIT")],
            }
        })
    }
}

/// The ways that a peer is used; the first way of the first peer is what the others are compared with.
fn ways(peer: Peer) -> &'static [Way] {
    if peer == Peer::Tenantry { &[Way::Login] } else { &[Way::Plain, Way::RoundTrips, Way::OneMessage] }
}

/// Compares.
pub async fn run(target: &Target, options: &Options, plan: &Plan, observer: &dyn Observer) -> anyhow::Result<Table> {
    let mut ground = Ground::create(target, options, &["application"]).await?;
    let table = compare(&mut ground, options, plan, observer).await;
    ground.drop().await?;
    table
}

async fn compare(
    ground: &mut Ground,
    options: &Options,
    plan: &Plan,
    observer: &dyn Observer,
) -> anyhow::Result<Table> {
    let isolated = plan.peers.contains(&Name::Tenantry).then_some(plan.pool);
    Notes::fill(ground, options, plan.tenants, isolated, observer).await?;
    let lanes: Vec<(Peer, Way)> =
        plan.peers.iter().flat_map(|n| ways(n.peer()).iter().map(|way| (n.peer(), *way))).collect();
    let mut rows = Vec::new();
    for clients in &plan.clients {
        let clients = (*clients).min(plan.tenants);
        observer.now(&format!("{clients} clients"));
        rows.push(race(ground, plan, clients, &lanes).await?);
    }
    Ok(Table {
        title: "One look at a note of a tenant, by how the tenant is named".into(),
        note: format!(
            "{} tenants, a client for each of the first, {} connections to the server, medians of {} rounds of {} s\n\
             ratio of throughput to the first column · processor time of the pooler per transaction",
            plan.tenants, plan.pool, plan.rounds, plan.seconds
        ),
        columns: lanes.iter().map(|(peer, way)| format!("{}: {}", peer.name(), way.name())).collect(),
        rows,
    })
}

async fn race(ground: &Ground, plan: &Plan, clients: u32, lanes: &[(Peer, Way)]) -> anyhow::Result<Row> {
    let mut peers: Vec<(Peer, Running)> = Vec::new();
    for name in &plan.peers {
        let size = Size { pool: plan.pool, clients };
        peers.push((name.peer(), name.peer().start(ground, size).await?));
    }
    let mut rounds = vec![Vec::new(); lanes.len()];
    for round in 0..plan.rounds as usize {
        for at in 0..lanes.len() {
            let at = (at + round) % lanes.len();
            let (peer, way) = lanes[at];
            let running = peers.iter_mut().find(|(p, _)| *p == peer).map(|(_, r)| r).context("a peer for each lane")?;
            rounds[at].push(measure(ground, running, clients, way, Duration::from_secs(plan.seconds)).await?);
            running.must_live()?;
        }
    }
    let medians: Vec<(f64, f64)> = rounds
        .into_iter()
        .map(|r| (median(r.iter().map(|m| m.0).collect()), median(r.iter().map(|m| m.1).collect())))
        .collect();
    let base = medians.first().map_or(1.0, |m| m.0);
    let cells = medians.iter().map(|(rate, cpu_us)| Cell {
        text: format!("{:.2} · {cpu_us:.0} µs", rate / base),
        values: json!({"transactionsPerSecond": rate, "ratio": rate / base, "cpuMicroseconds": cpu_us}),
    });
    let keeps = if clients <= plan.pool { "a tenant may keep a connection" } else { "tenants change" };
    Ok(Row { case: format!("{clients} clients: {keeps}"), cells: cells.collect() })
}

/// Transactions a second, and microseconds of the pooler for each.
async fn measure(
    ground: &Ground,
    running: &Running,
    clients: u32,
    way: Way,
    during: Duration,
) -> anyhow::Result<(f64, f64)> {
    let client = |number| {
        let tenant = Tenant::numbered(number);
        let login = if way == Way::Login { ground.tenant_login(&tenant) } else { ground.login(0) };
        Client { login, transaction: way.transaction(&tenant) }
    };
    let load = Load::start(running.port, (1..=clients).map(client).collect()).await?;
    load.measure(WARM_UP).await;
    let pids = running.pids();
    let before = Used::by(&pids);
    let stretch = load.measure(during).await;
    let used = Used::by(&pids) - before;
    load.finish().await?;
    Ok((stretch.rate(), used.cpu_ns as f64 / 1e3 / stretch.transactions.max(1) as f64))
}
