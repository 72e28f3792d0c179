//! `bench/run gateway`: what a reverse proxy costs that finds the tenant: nginx with a map of subdomains, and tenantry's
//! gateway with more and more of what it does, before one and the same application, in one interleaved run.

mod lanes;
mod wrk;

use anyhow::Context;
use serde_json::json;
use tenantry_engine::bench::Observer;

use crate::gauge::Used;
use crate::peer::Process;
use crate::table::{Cell, Row, Table, median};
use lanes::Lane;

/// What to compare.
#[derive(Clone, Debug, clap::Args)]
pub struct Plan {
    /// Connections of the load
    #[arg(long, default_value_t = 64)]
    pub connections: u32,
    /// Rounds; medians count
    #[arg(long, default_value_t = 5)]
    pub rounds: u32,
    /// Seconds of each lane in a round
    #[arg(long, default_value_t = 3)]
    pub seconds: u32,
    /// Bytes of an answer
    #[arg(long, default_value_t = 1024)]
    pub bytes: usize,
}

/// What one lane reached in one round.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    per_second: f64,
    cpu_us: f64,
    p99_us: f64,
    /// Of one connection that waits for each answer.
    alone_p50_us: f64,
    alone_p99_us: f64,
}

/// Compares.
pub async fn run(plan: &Plan, observer: &dyn Observer) -> anyhow::Result<Table> {
    wrk::installed()?;
    observer.now("starting nginx as the application, nginx and tenantry before it");
    let application = lanes::application(plan.bytes).await?;
    let mut running: Vec<(Lane, Process, u16)> = Vec::new();
    for lane in Lane::ALL {
        let (process, port) = lane.start(application.1).await.with_context(|| lane.name())?;
        running.push((lane, process, port));
    }
    let mut rounds = vec![Vec::new(); running.len() + 1];
    for number in 0..plan.rounds as usize {
        observer.now(&format!("round {} of {}", number + 1, plan.rounds));
        // each round begins with another lane
        for step in 0..running.len() {
            let at = (number + step) % running.len();
            let (lane, process, port) = &mut running[at];
            process.must_live()?;
            rounds[at].push(measure(plan, &[process.id()], *port).with_context(|| lane.name())?);
        }
        rounds[running.len()].push(measure(plan, &[], application.1).context("direct")?);
    }
    let mut columns: Vec<String> = running.iter().map(|(lane, ..)| lane.name().to_owned()).collect();
    columns.push("direct".into());
    Ok(table(plan, columns, &rounds))
}

fn measure(plan: &Plan, pids: &[u32], port: u16) -> anyhow::Result<Round> {
    let before = Used::by(pids);
    let crowd = wrk::run(port, plan.connections, plan.seconds)?;
    let used = Used::by(pids) - before;
    let alone = wrk::run(port, 1, 1)?;
    Ok(Round {
        per_second: crowd.per_second,
        cpu_us: used.cpu_ns as f64 / 1e3 / crowd.requests.max(1.0),
        p99_us: crowd.p99_us,
        alone_p50_us: alone.p50_us,
        alone_p99_us: alone.p99_us,
    })
}

fn table(plan: &Plan, columns: Vec<String>, rounds: &[Vec<Round>]) -> Table {
    let of = |lane: usize, read: fn(&Round) -> f64| median(rounds[lane].iter().map(read).collect());
    let last = rounds.len() - 1;
    let row = |case: &str, name: &str, digits: usize, value: &dyn Fn(usize) -> Option<f64>| Row {
        case: case.to_owned(),
        cells: (0..rounds.len())
            .map(|lane| match value(lane) {
                Some(value) => Cell { text: format!("{value:.digits$}"), values: json!({name: value}) },
                None => Cell::default(),
            })
            .collect(),
    };
    let base = of(0, |r| r.per_second).max(f64::MIN_POSITIVE);
    let proxies = |lane: usize| (lane != last).then_some(lane);
    Table {
        title: format!("A tenant for each request: {} connections, answers of {} bytes", plan.connections, plan.bytes),
        note: "requests a second relative to nginx; everything keeps its connections alive; one worker each; the application is an nginx".into(),
        columns,
        rows: vec![
            row("requests, relative", "ratio", 2, &|l| Some(of(l, |r| r.per_second) / base)),
            row("requests a second", "perSecond", 0, &|l| Some(of(l, |r| r.per_second))),
            row("CPU of the proxy, us a request", "cpuMicros", 1, &|l| proxies(l).map(|l| of(l, |r| r.cpu_us))),
            row("p99, us", "p99Micros", 0, &|l| Some(of(l, |r| r.p99_us))),
            row("one connection: added to p50, us", "addedP50Micros", 0, &|l| {
                proxies(l).map(|l| of(l, |r| r.alone_p50_us) - of(last, |r| r.alone_p50_us))
            }),
            row("one connection: added to p99, us", "addedP99Micros", 0, &|l| {
                proxies(l).map(|l| of(l, |r| r.alone_p99_us) - of(last, |r| r.alone_p99_us))
            }),
        ],
    }
}
