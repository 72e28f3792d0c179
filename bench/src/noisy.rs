//! `bench/run noisy`: what one tenant feels while another floods the pooler. A victim reads single notes, alone and
//! beside a hundred clients of another tenant whose statements take 20 ms, asleep or computing.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tenantry_engine::bench::{Observer, Options};
use tenantry_pg::Target;

use crate::ground::{Ground, NOTES_PER_TENANT, Notes, Tenant};
use crate::load::{Client, Load, Stretch};
use crate::peer::{Name, Peer, Running, Size};
use crate::table::{Cell, Row, Table};
use crate::wire::Login;

/// What to compare.
#[derive(Clone, Debug, clap::Args)]
pub struct Plan {
    /// Who competes
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Name::PgBouncer, Name::Tenantry])]
    pub peers: Vec<Name>,
    /// Clients of the tenant that floods
    #[arg(long, default_value_t = 100)]
    pub clients: u32,
    /// Connections to the server
    #[arg(long, default_value_t = 10)]
    pub pool: u32,
    /// Rounds of each lane
    #[arg(long, default_value_t = 3)]
    pub rounds: u32,
    /// Seconds of a round
    #[arg(long, default_value_t = 4)]
    pub seconds: u64,
}

/// One of a flood's statements takes about so long when it runs alone.
const STATEMENT_MS: f64 = 20.0;
/// Numbers to add up, to see how long that takes here.
const TRIAL: f64 = 100_000.0;
/// Until a flood has filled every queue.
const RISE: Duration = Duration::from_secs(1);

/// What the other tenant does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flood {
    None,
    Asleep,
    Computing,
}

/// A peer and how it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lane {
    peer: Peer,
    /// Each tenant has a database login, and so a pool, of its own; all pools together are no larger than the one.
    pools: bool,
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.peer.name(), if self.pools { ", pool per tenant" } else { "" })
    }
}

fn lanes(peer: Peer) -> Vec<Lane> {
    let one = Lane { peer, pools: false };
    if matches!(peer, Peer::PgBouncer(_)) { vec![one, Lane { peer, pools: true }] } else { vec![one] }
}

/// Compares.
pub async fn run(target: &Target, options: &Options, plan: &Plan, observer: &dyn Observer) -> anyhow::Result<Table> {
    let mut ground = Ground::create(target, options, &["flood", "victim"]).await?;
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
    Notes::fill(ground, options, 100, plan.peers.contains(&Name::Tenantry).then_some(plan.pool), observer).await?;
    let sum_to = calibrate(ground).await?;
    let lanes: Vec<Lane> = plan.peers.iter().flat_map(|n| lanes(n.peer())).collect();
    let mut running = Vec::new();
    for lane in &lanes {
        let pool = if lane.pools { (plan.pool / 2).max(1) } else { plan.pool };
        running.push(lane.peer.start(ground, Size { pool, clients: plan.clients + 1 }).await?);
    }
    let mut rows = Vec::new();
    for flood in [Flood::None, Flood::Asleep, Flood::Computing] {
        let mut found = vec![(Stretch::default(), Stretch::default()); lanes.len()];
        for round in 0..plan.rounds as usize {
            for at in 0..lanes.len() {
                let at = (at + round) % lanes.len();
                observer.now(&format!("{}, {}", case(flood, plan), lanes[at]));
                let (victim, noise) = measure(ground, plan, lanes[at], &running[at], flood, sum_to).await?;
                join(&mut found[at].0, victim);
                join(&mut found[at].1, noise);
                running[at].must_live()?;
            }
        }
        let cells = found.into_iter().map(|(victim, noise)| cell(victim, &noise, flood));
        rows.push(Row { case: case(flood, plan), cells: cells.collect() });
    }
    Ok(Table {
        title: format!("A tenant's reads beside {} clients of another tenant", plan.clients),
        note: format!(
            "{} connections to the server in all, {} rounds of {} s\n\
             how long a read takes, half of them and 99 of 100, in ms · statements of the other tenant a second",
            plan.pool, plan.rounds, plan.seconds
        ),
        columns: lanes.iter().map(Lane::to_string).collect(),
        rows,
    })
}

fn case(flood: Flood, plan: &Plan) -> String {
    match flood {
        Flood::None => "alone".into(),
        Flood::Asleep => format!("{} asleep for {STATEMENT_MS:.0} ms", plan.clients),
        Flood::Computing => format!("{} computing for {STATEMENT_MS:.0} ms", plan.clients),
    }
}

/// How many numbers to add up in the time of one statement.
async fn calibrate(ground: &Ground) -> anyhow::Result<u64> {
    let admin = ground.admin().await?;
    let mut best = f64::MAX;
    for _ in 0..5 {
        let begin = Instant::now();
        admin.query_one(&*sum(TRIAL as u64), &[]).await?;
        best = best.min(begin.elapsed().as_secs_f64() * 1e3);
    }
    admin.close().await;
    Ok((TRIAL * STATEMENT_MS / best.max(0.1)) as u64)
}

fn sum(to: u64) -> String {
    format!("SELECT sum(n % 7) FROM generate_series(1, {to}) AS n")
}

async fn measure(
    ground: &Ground,
    plan: &Plan,
    lane: Lane,
    running: &Running,
    flood: Flood,
    sum_to: u64,
) -> anyhow::Result<(Stretch, Stretch)> {
    let (noisy, quiet) = (Tenant::numbered(1), Tenant::numbered(2));
    let login = |number: usize, tenant: &Tenant| -> Login {
        match lane.peer {
            Peer::Tenantry => ground.tenant_login(tenant),
            _ => ground.login(if lane.pools { number } else { 0 }),
        }
    };
    let statement = match flood {
        Flood::Asleep => format!("SELECT pg_sleep({})", STATEMENT_MS / 1e3),
        _ => sum(sum_to),
    };
    let noise = Client { login: login(0, &noisy), transaction: Arc::new(move |_| vec![statement.clone()]) };
    let table = if lane.peer == Peer::Tenantry { Notes::Isolated } else { Notes::Plain }.table();
    let first = Notes::first_id(quiet.number);
    let read = move |rng: &mut fastrand::Rng| {
        vec![format!("SELECT body FROM {table} WHERE id = {}", first + rng.u64(..u64::from(NOTES_PER_TENANT)))]
    };
    let victim = Client { login: login(1, &quiet), transaction: Arc::new(read) };

    // the victim is there first: what is measured is its reads, not its login
    let victim = Load::start(running.port, vec![victim]).await?;
    let count = if flood == Flood::None { 0 } else { plan.clients as usize };
    let noise = Load::start(running.port, vec![noise; count]).await?;
    tokio::time::sleep(RISE).await;
    let during = Duration::from_secs(plan.seconds);
    let found = tokio::join!(victim.measure(during), noise.measure(during));
    noise.finish().await?;
    victim.finish().await?;
    Ok(found)
}

fn join(all: &mut Stretch, one: Stretch) {
    all.transactions += one.transactions;
    all.seconds += one.seconds;
    all.waits.extend(one.waits);
    all.waits.sort_unstable();
}

fn cell(victim: Stretch, noise: &Stretch, flood: Flood) -> Cell {
    let (half, most, reads, rate) = (victim.percentile(50), victim.percentile(99), victim.waits.len(), noise.rate());
    let text = match (reads, flood) {
        (0, _) => "not one read".to_owned(),
        (_, Flood::None) => format!("{half:.2} {most:.2}"),
        _ => format!("{half:.2} {most:.2} · {rate:.0}/s"),
    };
    Cell {
        text,
        values: json!({"p50Milliseconds": half, "p99Milliseconds": most, "reads": reads, "floodPerSecond": rate}),
    }
}
