//! `bench/run quota`: what a guard costs an INSERT. Two tables of one shape on an isolated database, one of them
//! counted; pgbench inserts single rows into each, taking turns. Spread over a thousand tenants, and all for one.

use std::fmt;
use std::path::Path;
use std::process::Stdio;

use anyhow::Context;
use serde_json::json;
use tenantry_blueprint::registry::Registry;
use tenantry_engine::bench::{Observer, Options, Scratch};
use tenantry_pg::{Session, Target, connect_with};
use tokio::process::Command;

use crate::table::{Cell, Row, Table};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Plan {
    /// Clients that insert
    #[arg(long, default_value_t = 32)]
    pub clients: u32,
    /// Tenants they insert for
    #[arg(long, default_value_t = 1_000)]
    pub tenants: u32,
    /// Parts the hot tenant's counter is split into
    #[arg(long, default_value_t = 64)]
    pub shards: i32,
    /// Rounds of each lane
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Seconds of a round
    #[arg(long, default_value_t = 4)]
    pub seconds: u32,
}

/// Threads of pgbench; more than processors help nobody.
const THREADS_MAX: u32 = 2;
/// A limit that no run reaches.
const LIMIT: i64 = 1_000_000_000_000;

const SCHEMA: &str = "
CREATE TABLE team (id bigint PRIMARY KEY);
CREATE TABLE plain (id bigserial PRIMARY KEY, team_id bigint NOT NULL REFERENCES team, body text NOT NULL);
CREATE TABLE counted (id bigserial PRIMARY KEY, team_id bigint NOT NULL REFERENCES team, body text NOT NULL);
CREATE INDEX ON plain (team_id);
CREATE INDEX ON counted (team_id);";

const REGISTRY: &str = r#"
format = 1
[root]
table = "public.team"
key = "id"
[tables."public.team"]
class = "root"
[tables."public.plain"]
class = "direct"
column = "team_id"
[tables."public.counted"]
class = "direct"
column = "team_id"
[resources.rows]
table = "public.counted"
"#;

/// How the rows are counted.
#[derive(Clone, Copy, PartialEq)]
enum Lane {
    None,
    Unlimited,
    Limited,
    Split,
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "no guard",
            Self::Unlimited => "guard, no limit",
            Self::Limited => "guard, limit",
            Self::Split => "guard, limit, split",
        })
    }
}

const LANES: [Lane; 4] = [Lane::None, Lane::Unlimited, Lane::Limited, Lane::Split];

/// Measures both cases on the server of `target`.
pub async fn run(target: &Target, options: &Options, plan: &Plan, observer: &dyn Observer) -> anyhow::Result<Table> {
    observer.now("making the tables and isolating them");
    let mut ground = Scratch::create(target, options).await?;
    ground.execute("make the tables", SCHEMA).await?;
    let teams = format!("INSERT INTO team SELECT generate_series(1, {})", plan.tenants);
    let first = "INSERT INTO plain (team_id, body) SELECT id, 'first' FROM team; INSERT INTO counted (team_id, body) SELECT id, 'first' FROM team; ANALYZE";
    ground.execute("fill them", &format!("{teams}; {first}")).await?;
    ground.use_registry(Registry::parse(REGISTRY)?);
    ground.isolate(options, observer).await?;
    let folder = tempfile::tempdir().context("a temporary folder")?;
    let mut rows = Vec::new();
    for (case, tenants) in [(format!("{} tenants", plan.tenants), plan.tenants), ("one tenant".to_owned(), 1)] {
        let mut rates: Vec<Vec<f64>> = vec![Vec::new(); LANES.len()];
        for round in 0..plan.rounds {
            for turn in 0..LANES.len() {
                let n = (turn + round) % LANES.len();
                let lane = LANES[n];
                if lane == Lane::Split && tenants > 1 {
                    continue;
                }
                observer.now(&format!("{case}, {lane}, round {} of {}", round + 1, plan.rounds));
                prepare(&ground, plan, lane, tenants).await?;
                rates[n].push(insert(&ground, plan, lane, tenants, folder.path()).await?);
            }
        }
        let base = median(&mut rates[0]);
        let cells = rates.iter_mut().map(|r| cell(median(r), base)).collect();
        rows.push(Row { case, cells });
    }
    balanced(&ground).await?;
    ground.drop().await?;
    Ok(Table {
        title: "Inserting with a guard of quotas, and without".to_owned(),
        note: format!(
            "rows a second, and the ratio to the table without a guard; {} clients, medians of {} rounds of {} s, taking turns",
            plan.clients, plan.rounds, plan.seconds
        ),
        columns: LANES.iter().map(ToString::to_string).collect(),
        rows,
    })
}

/// Sets every tenant's limit as the lane wants it.
async fn prepare(ground: &Scratch, plan: &Plan, lane: Lane, tenants: u32) -> anyhow::Result<()> {
    let limit = if lane == Lane::Unlimited { "NULL".to_owned() } else { LIMIT.to_string() };
    let shards = if lane == Lane::Split { plan.shards } else { 0 };
    let sql = format!(
        "SELECT tenantry.quota_set_limit(n, 'rows', {limit}), tenantry.quota_set_hot(n, 'rows', {shards}) FROM generate_series(1, {tenants}) n; \
         VACUUM tenantry.quota; VACUUM tenantry.quota_delta; VACUUM tenantry.quota_shard; CHECKPOINT"
    );
    for statement in sql.split("; ") {
        ground.execute("set the limits", statement).await?;
    }
    Ok(())
}

/// Rows a second.
async fn insert(ground: &Scratch, plan: &Plan, lane: Lane, tenants: u32, folder: &Path) -> anyhow::Result<f64> {
    let table = if lane == Lane::None { "plain" } else { "counted" };
    let script = folder.join("insert.sql");
    let text = format!(
        "\\set t random(1, {tenants})\nINSERT INTO public.{table} (team_id, body) VALUES (:t, 'a body of some length');\n"
    );
    std::fs::write(&script, text).context("write pgbench's script")?;
    let (clients, threads) = (plan.clients.to_string(), plan.clients.min(THREADS_MAX).to_string());
    let mut command = Command::new("pgbench");
    command.args(["-n", "-M", "prepared", "-c", &clients, "-j", &threads, "-T", &plan.seconds.to_string(), "-f"]);
    command.arg(&script).envs(ground.target().libpq_env()).env("LC_ALL", "C").stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.context("cannot run `pgbench`: install PostgreSQL's client programs")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    anyhow::ensure!(output.status.success(), "pgbench failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    rate(&said).with_context(|| format!("pgbench told no rate: {said}"))
}

/// `tps = 812.3 (without initial connection time)`
fn rate(said: &str) -> Option<f64> {
    said.lines().find_map(|l| l.strip_prefix("tps = ")?.split(' ').next()?.parse().ok())
}

/// A benchmark of something that counts wrong would be worth nothing.
async fn balanced(ground: &Scratch) -> anyhow::Result<()> {
    let admin = connect_with(ground.target(), &Session::plain()).await?;
    let sql = "SELECT (SELECT sum(used)::bigint FROM tenantry.quota_usage()), (SELECT count(*) FROM public.counted)";
    let row = admin.query_one(sql, &[]).await?;
    let (used, there): (i64, i64) = (row.get(0), row.get(1));
    admin.close().await;
    anyhow::ensure!(used == there, "{used} rows are counted, {there} are there");
    Ok(())
}

fn median(rates: &mut [f64]) -> Option<f64> {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied()
}

fn cell(rate: Option<f64>, base: Option<f64>) -> Cell {
    let (Some(rate), Some(base)) = (rate, base) else { return Cell::default() };
    let ratio = rate / base;
    Cell { text: format!("{rate:.0} ({ratio:.2})"), values: json!({"rowsPerSecond": rate, "ratio": ratio}) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_from_what_pgbench_says() {
        assert_eq!(rate("latency average = 1 ms\ntps = 812.345 (without initial connection time)\n"), Some(812.345));
        assert_eq!(rate("nothing"), None);
    }

    #[test]
    fn a_lane_that_was_not_run_has_no_cell() {
        assert_eq!(cell(median(&mut []), Some(1.0)).text, "");
        assert_eq!(cell(Some(50.0), Some(100.0)).text, "50 (0.50)");
    }
}
