//! `bench/run cache`: what the cache costs, what it saves, and what one tenant's flood costs another.
//!
//! Redis is one of our own on the loopback. Ratios are of lanes that ran in turns in the same run.

mod flood;
mod levels;
mod reads;
mod redis;

use serde_json::json;
use tenantry_engine::bench::Observer;
use tenantry_pg::Target;

use crate::table::{Cell, Row, Table};
use redis::Redis;

/// How much to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Plan {
    /// Rounds of each lane
    #[arg(long, default_value_t = 15)]
    pub rounds: u32,
    /// Requests of a round in the second level
    #[arg(long, default_value_t = 40_000)]
    pub requests: u32,
    /// Most requests that wait at once in the second level
    #[arg(long, default_value_t = 64)]
    pub at_once: u32,
    /// Requests of the demonstration application
    #[arg(long, default_value_t = 40_000)]
    pub reads: u32,
    /// Part of them that write
    #[arg(long, default_value_t = 0.02)]
    pub writes: f64,
}

/// Measures, and says what came of it.
pub async fn run(target: &Target, plan: &Plan, observer: &dyn Observer) -> anyhow::Result<Table> {
    let redis = Redis::start()?;
    let mut rows = Vec::new();
    observer.now("cache: the first level");
    let nanoseconds = levels::first(plan).await?;
    rows.push(row("first level, a hit", format!("{nanoseconds:.0} ns"), json!({"nanoseconds": nanoseconds})));
    observer.now("cache: the second level beside GET");
    for at_once in [1, 8, plan.at_once] {
        let (plain, ours, ratio) = levels::second(&redis, plan, at_once).await?;
        let case = |what: &str| format!("{what}, {at_once} at once");
        rows.push(row(&case("Redis, GET alone"), format!("{plain:.0}/s"), json!({"per_second": plain})));
        rows.push(row(&case("second level, a hit"), format!("{ours:.0}/s"), json!({"per_second": ours})));
        rows.push(row(&case("second level to GET"), format!("{ratio:.2}"), json!({"ratio": ratio})));
    }
    observer.now("cache: one tenant beside another's flood");
    let (alone, beside) = (flood::hit_rate(false).await?, flood::hit_rate(true).await?);
    rows.push(row("hits of a tenant alone", percent(alone), json!({"rate": alone})));
    rows.push(row("hits beside a flood", percent(beside), json!({"rate": beside})));
    observer.now("cache: the demonstration application's reads");
    let saved = reads::run(target, &redis, plan).await?;
    rows.push(row("application: hits", percent(saved.hits), json!({"rate": saved.hits})));
    rows.push(row("application: queries saved", percent(saved.queries), json!({"rate": saved.queries})));
    Ok(Table {
        title: "The cache".into(),
        note: format!(
            "medians of {} rounds; values of 1 KiB; application: {} requests of {} \
             tenants by Zipf's law, {:.0} % of them writes that drop an entry and the lists",
            plan.rounds,
            plan.reads,
            saved.tenants,
            plan.writes * 100.0
        ),
        columns: vec!["tenantry".into()],
        rows,
    })
}

fn row(case: &str, text: String, values: serde_json::Value) -> Row {
    Row { case: case.into(), cells: vec![Cell { text, values }] }
}

fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}
