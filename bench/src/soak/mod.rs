//! `bench/run soak`: thousands of clients of thousands of tenants torment a pooler from a printed seed.
//!
//! Each client logs in, does [`deeds`], and leaves, often in the middle of something. Meanwhile the [`storm`] ends
//! server connections and restarts the server. The [`judge`] compares every message with what had to come: each row
//! carries its tenant's number as canary and a token of its very exchange, so that a row of somebody else, or of
//! somebody else's question, cannot pass. In the [`aftermath`] the pool must be whole and memory given back.
//!
//! What a client does follows from the seed and its number; what the machine makes of it in time does not.
//!
//! The soak can be told to sabotage itself, to show that it would notice.

mod aftermath;
mod cancels;
mod client;
pub mod deeds;
pub mod exchange;
pub mod judge;
mod plan;
pub mod report;
pub mod speaker;
mod storm;
pub mod weather;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tenantry_engine::bench::{Observer, Options};
use tenantry_testkit::Restartable;
use tokio::sync::Semaphore;

use crate::gauge::{Memory, allow_files};
use crate::ground::{Ground, Notes};
use crate::peer::{Peer, Running, Size};

use plan::Abilities;
pub use plan::{Plan, Sabotage};
use report::{Findings, Kind, Report, Tally};
use speaker::Way;
use weather::Weather;

/// Whoever stays gets an answer within this time.
pub const ANSWER_WAIT_MAX: Duration = Duration::from_secs(30);
/// Logins under way at a time; a listening socket holds so many.
const LOGINS_AT_ONCE: usize = 64;
/// Rows of another tenant after which a sabotage has shown that it is found.
const SHOWN: u64 = 20;
/// Memory is looked at so often.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A soak under way, as all its tasks see it.
struct Soak {
    port: u16,
    ground: Ground,
    seed: u64,
    tenants: u32,
    think_ms: u64,
    abilities: Abilities,
    ways: Vec<Way>,
    sabotage: Option<Sabotage>,
    findings: Findings,
    weather: Weather,
    logins: Semaphore,
    begin: Instant,
    lasts: Duration,
    exchanges: Option<u64>,
    /// Exchanges whose answer was right so far.
    done: AtomicU64,
    storm_ms: u64,
    deeds: Vec<String>,
}

impl Soak {
    /// How much of it is over, from 0 to 1, by time or by work.
    fn progress(&self) -> f64 {
        let work = self.exchanges.map_or(0.0, |all| self.done.load(Ordering::Relaxed) as f64 / all as f64);
        work.max(self.begin.elapsed().as_secs_f64() / self.lasts.as_secs_f64())
    }

    fn goes_on(&self) -> bool {
        let shown = self.sabotage.is_some() && self.findings.count(Kind::ForeignRow) >= SHOWN;
        self.progress() < 1.0 && !shown
    }

    /// Whether this client is to be given somebody else's rows.
    fn swaps(&self, number: u32) -> bool {
        self.sabotage == Some(Sabotage::Swap) && number < 2
    }
}

/// Soaks.
pub async fn run(plan: &Plan, options: &Options, observer: &dyn Observer) -> anyhow::Result<Report> {
    let major = *tenantry_testkit::available().first().context("no PostgreSQL 15 to 18 on this machine")?;
    let server = tokio::task::spawn_blocking(move || Restartable::start(major)).await.context("start a server")?;
    let target = server.target();
    let (peer, clients) = (plan.peer.peer(), plan.clients());
    let seed = plan.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    allow_files(u64::from(clients) * 2)?;
    let mut ground = Ground::create(&target, options, &["soak"]).await?;
    Notes::fill(&mut ground, options, plan.tenants, (peer == Peer::Tenantry).then_some(plan.pool), observer).await?;
    let mut running = peer.start(&ground, Size { pool: plan.pool, clients: clients + 200 }).await?;
    let soak = Arc::new(Soak {
        port: running.port,
        ground,
        seed,
        tenants: plan.tenants,
        think_ms: plan.think_ms,
        abilities: plan.abilities(),
        ways: plan.ways(),
        sabotage: plan.sabotage,
        findings: Findings::default(),
        weather: Weather::default(),
        logins: Semaphore::new(LOGINS_AT_ONCE),
        begin: Instant::now(),
        lasts: Duration::from_secs(plan.seconds),
        exchanges: plan.exchanges,
        done: AtomicU64::new(0),
        storm_ms: plan.storm_ms,
        deeds: plan.deeds.clone(),
    });
    observer.now(&format!("soaking {} with {clients} clients for {} s, seed {seed}", peer.name(), plan.seconds));
    let storm = tokio::spawn(storm::blow(soak.clone(), target, server));
    let lives: Vec<_> = (0..clients).map(|number| tokio::spawn(client::live(soak.clone(), number))).collect();
    // a pooler that has ended answers nobody: no use to go on
    let (early, most) = watch(&soak, &mut running).await.with_context(|| format!("in the soak of seed {seed}"))?;
    let mut tally = Tally::default();
    for life in lives {
        tally.add(life.await.context("a client ended badly")?);
    }
    let _server = storm.await.context("the storm ended badly")??;
    observer.now("looking at what is left");
    running.must_live()?;
    aftermath::inspect(&soak, plan.pool, peer != Peer::Direct).await?;
    let end = megabytes(&running.pids());
    aftermath::memory(&soak, early, end);
    finish(soak, running, peer, tally, [early, most, end]).await
}

async fn finish(
    soak: Arc<Soak>,
    running: Running,
    peer: Peer,
    tally: Tally,
    memory_mb: [f64; 3],
) -> anyhow::Result<Report> {
    drop(running);
    let soak = Arc::into_inner(soak).context("all tasks have ended")?;
    let (seed, losses) = (soak.seed, soak.weather.losses());
    if losses.too_many() {
        let detail = format!("{} clients lost their connection; {} were disturbed", losses.lost, losses.terminated);
        soak.findings.add(Kind::Lost, detail);
    }
    soak.ground.drop().await?;
    Ok(Report { peer: peer.name(), seed, tally, losses, memory_mb, findings: soak.findings })
}

/// Looks after the pooler until all is over; its memory in MB: the most in the first quarter, and the most of all.
async fn watch(soak: &Soak, running: &mut Running) -> anyhow::Result<(f64, f64)> {
    let (mut early, mut most) = (0.0f64, 0.0f64);
    while soak.goes_on() {
        running.must_live()?;
        let now = megabytes(&running.pids());
        most = most.max(now);
        if soak.progress() < 0.25 {
            early = early.max(now);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok((early, most))
}

fn megabytes(pids: &[u32]) -> f64 {
    Memory::of(pids).pss as f64 / 1e6
}

#[cfg(test)]
mod tests;
