//! `bench/run idle`: what clients cost that are logged in and do nothing: memory of the pooler for each, and how
//! much of it comes back when they leave.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::json;
use tenantry_engine::bench::{Observer, Options};
use tenantry_pg::Target;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::gauge::{Memory, Used, allow_files};
use crate::ground::{Ground, Notes, Tenant};
use crate::peer::{Name, Peer, Size};
use crate::table::{Cell, Row, Table};
use crate::wire::{Login, Wire, query};

/// What to compare.
#[derive(Clone, Debug, clap::Args)]
pub struct Plan {
    /// Who competes
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Name::PgBouncer, Name::Tenantry])]
    pub peers: Vec<Name>,
    /// Clients
    #[arg(long, default_value_t = 10_000)]
    pub clients: u32,
    /// Tenants they belong to
    #[arg(long, default_value_t = 1_000)]
    pub tenants: u32,
    /// Connections to the server
    #[arg(long, default_value_t = 10)]
    pub pool: u32,
}

/// Logins under way at a time; a listening socket holds so many.
const AT_ONCE: usize = 64;
/// Clients that come, ask and leave before anything is measured, so that pools and tables are there.
const FIRST_ONES: u32 = 200;
/// Rest before memory is read.
const REST: Duration = Duration::from_secs(1);

/// What one peer's clients cost.
struct Cost {
    idle: Memory,
    left: Memory,
    seconds: f64,
    cpu_us: f64,
}

/// Compares.
pub async fn run(target: &Target, options: &Options, plan: &Plan, observer: &dyn Observer) -> anyhow::Result<Table> {
    allow_files(plan.clients.into())?;
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
    Notes::fill(ground, options, plan.tenants, plan.peers.contains(&Name::Tenantry).then_some(plan.pool), observer)
        .await?;
    let peers: Vec<Peer> = plan.peers.iter().map(|n| n.peer()).filter(|p| *p != Peer::Direct).collect();
    let mut costs = Vec::new();
    for peer in &peers {
        observer.now(&format!("{} clients of {}", plan.clients, peer.name()));
        costs.push(measure(ground, plan, *peer).await.with_context(|| peer.name())?);
    }
    let clients = f64::from(plan.clients);
    let each = |bytes: u64| bytes as f64 / clients / 1024.0;
    let row = |case: &str, name: &str, digits: usize, value: &dyn Fn(&Cost) -> f64| Row {
        case: case.to_owned(),
        cells: costs
            .iter()
            .map(|c| Cell { text: format!("{:.digits$}", value(c)), values: json!({name: value(c)}) })
            .collect(),
    };
    Ok(Table {
        title: format!("{} clients that are logged in and idle", plan.clients),
        note: "growth of the pooler's memory for each client, and what is left of it after all have left".into(),
        columns: peers.iter().map(|p| p.name().to_owned()).collect(),
        rows: vec![
            row("kB each (PSS)", "pssKilobytesEach", 2, &|c| each(c.idle.pss)),
            row("kB each (RSS)", "rssKilobytesEach", 2, &|c| each(c.idle.rss)),
            row("kB each after they left (PSS)", "pssKilobytesLeftEach", 2, &|c| each(c.left.pss)),
            row("logins a second", "loginsPerSecond", 0, &|c| clients / c.seconds),
            row("µs of the pooler for a login", "loginCpuMicroseconds", 0, &|c| c.cpu_us),
        ],
    })
}

async fn measure(ground: &Ground, plan: &Plan, peer: Peer) -> anyhow::Result<Cost> {
    let mut running = peer.start(ground, Size { pool: plan.pool, clients: plan.clients }).await?;
    let login = |number: u32| -> Login {
        let tenant = Tenant::numbered(1 + number % plan.tenants);
        if peer == Peer::Tenantry { ground.tenant_login(&tenant) } else { ground.login(0) }
    };
    for mut wire in all(running.port, (0..FIRST_ONES).map(login)).await? {
        wire.round_trip(&query("SELECT 1")).await.context("ask before the measurement")?;
        wire.leave().await?;
    }
    tokio::time::sleep(REST).await;
    let pids = running.pids();
    let (before, used_before, begin) = (Memory::of(&pids), Used::by(&pids), Instant::now());
    let wires = all(running.port, (0..plan.clients).map(login)).await?;
    let (seconds, used) = (begin.elapsed().as_secs_f64(), Used::by(&pids) - used_before);
    tokio::time::sleep(REST).await;
    running.must_live()?;
    let idle = growth(Memory::of(&pids), before);
    for wire in wires {
        wire.leave().await.context("leave")?;
    }
    tokio::time::sleep(REST).await;
    let left = growth(Memory::of(&pids), before);
    Ok(Cost { idle, left, seconds, cpu_us: used.cpu_ns as f64 / 1e3 / f64::from(plan.clients) })
}

fn growth(now: Memory, before: Memory) -> Memory {
    Memory { rss: now.rss.saturating_sub(before.rss), pss: now.pss.saturating_sub(before.pss) }
}

/// Logs all in, a few at a time.
async fn all(port: u16, logins: impl Iterator<Item = Login>) -> anyhow::Result<Vec<Wire>> {
    let (gate, mut tasks, mut wires) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new(), Vec::new());
    for login in logins {
        let gate = gate.clone();
        tasks.spawn(async move {
            let _permit = gate.acquire().await.context("a gate that stays open")?;
            Wire::connect(port, &login).await.with_context(|| format!("log in as {}", login.user))
        });
    }
    while let Some(wire) = tasks.join_next().await {
        wires.push(wire.context("a login ended badly")??);
    }
    Ok(wires)
}
