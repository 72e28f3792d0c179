//! `bench/run proxy`: what a pooler costs. `pgbench -S` straight and through each pooler, in several protocols and
//! numbers of clients; throughput as a ratio to PgBouncer, processor time, system calls and context switches of the
//! pooler per transaction, and what it adds to the latency of a single client.
//!
//! Lanes take turns in short rounds, each round begins with another one, and medians count.

mod cases;
mod lane;
mod pgbench;
mod results;

use anyhow::Context;
use tenantry_engine::bench::{Observer, Options};
use tenantry_pg::Target;

use crate::gauge::{Used, syscalls};
use crate::ground::Ground;
use crate::peer::{Peer, Running, Size};
use crate::table::Table;

pub use cases::Mode;
use cases::{Case, Lane, lanes};
use lane::Found;
use pgbench::Pgbench;

/// What to compare.
#[derive(Clone, Debug, clap::Args)]
pub struct Plan {
    /// Who competes
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [crate::peer::Name::Direct, crate::peer::Name::PgBouncer, crate::peer::Name::Tenantry])]
    pub peers: Vec<crate::peer::Name>,
    /// Numbers of clients
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 50, 200])]
    pub clients: Vec<u32>,
    /// Protocols
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Mode::Simple, Mode::Extended, Mode::Prepared])]
    pub modes: Vec<Mode>,
    /// Connections to the server
    #[arg(long, default_value_t = 10)]
    pub pool: u32,
    /// pgbench's scale; 10 is 150 MB
    #[arg(long, default_value_t = 10)]
    pub scale: u32,
    /// Rounds of each lane
    #[arg(long, default_value_t = 5)]
    pub rounds: u32,
    /// Seconds that count in a round, after one of warming up
    #[arg(long, default_value_t = 2)]
    pub seconds: u32,
}

/// Compares.
pub async fn run(target: &Target, options: &Options, plan: &Plan, observer: &dyn Observer) -> anyhow::Result<Table> {
    let ground = Ground::create(target, options, &["pgbench"]).await?;
    let table = compare(&ground, options, plan, observer).await;
    ground.drop().await?;
    table
}

async fn compare(ground: &Ground, options: &Options, plan: &Plan, observer: &dyn Observer) -> anyhow::Result<Table> {
    observer.now("filling pgbench's tables");
    pgbench::fill(ground, plan.scale).await?;
    let peers: Vec<Peer> = plan.peers.iter().map(|n| n.peer()).collect();
    let mut results = Vec::new();
    for case in Case::all(&plan.modes, &plan.clients) {
        observer.now(&case.to_string());
        results.push((case, race(ground, options, plan, case, &lanes(&peers, case)).await?));
    }
    let server = ground.admin().await?;
    let version: String = server.query_one("SELECT current_setting('server_version')", &[]).await?.get(0);
    server.close().await;
    Ok(results::table(plan, &peers, &version, &results))
}

/// All lanes of one case, in turn.
async fn race(
    ground: &Ground,
    options: &Options,
    plan: &Plan,
    case: Case,
    lanes: &[Lane],
) -> anyhow::Result<Vec<(Lane, Found)>> {
    let mut runners = Vec::new();
    for lane in lanes {
        let size = Size { pool: lane.pool(plan.pool, case), clients: case.clients };
        runners.push((*lane, lane.peer.start(ground, size).await?, Vec::new(), None));
    }
    let bench = |lane: &Lane, peer: &Running| Pgbench {
        port: peer.port,
        login: &ground.logins[0],
        database: &ground.database,
        mode: lane.mode,
        clients: case.clients,
        folder: &options.folder,
    };
    for round in 0..plan.rounds as usize {
        for at in 0..runners.len() {
            let at = (at + round) % lanes.len();
            let (lane, peer, rounds, _) = &mut runners[at];
            let pids = peer.pids();
            let done = bench(lane, peer).run(plan.seconds, || Used::by(&pids)).await;
            rounds.push(done.with_context(|| format!("{case} through {}", lane.name()))?);
            peer.must_live()?;
        }
    }
    // counting slows a process down, so it has a run of its own
    for (lane, peer, rounds, calls) in &mut runners {
        let pids = peer.pids();
        if !pids.is_empty() {
            let each = (Found::of(rounds, None).rate * COUNTED_SECONDS / f64::from(case.clients)).ceil();
            let (done, counted) = syscalls(&pids, bench(lane, peer).times(each as u64)).await;
            done?;
            *calls = counted.map(|(count, by)| (count as f64 / each / f64::from(case.clients), by));
        }
    }
    Ok(runners.into_iter().map(|(lane, _, rounds, calls)| (lane, Found::of(&rounds, calls))).collect())
}

/// System calls are counted while as many transactions are done as take about so long.
const COUNTED_SECONDS: f64 = 2.0;
