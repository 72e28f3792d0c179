//! The benchmarks of tenantry: ratios side by side, measured in one run. See README.md beside this crate.

mod inspect;
mod migration;
mod text_keys;
mod writers;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use tenantry_bench::{
    cache, gateway, idle, noisy, provisioning, quota, soak, table::Table, tenants, throughput, validate,
};
use tenantry_engine::bench::{self, Observer, Options};
use tenantry_pg::Target;

#[derive(Parser)]
#[command(about = "Benchmarks of tenantry: ratios side by side, measured in one run")]
struct Cli {
    /// A server to work on as superuser; a throw-away server is started if left out
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    database_url: Option<String>,
    /// Print one JSON document per benchmark
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    bench: Option<Bench>,
}

#[derive(Subcommand)]
enum Bench {
    /// Queries of one tenant: before isolation, after, and written by hand
    Queries {
        /// Tenants; their sizes follow Zipf's law
        #[arg(long, value_delimiter = ',', default_values_t = [1, 100, 10_000])]
        tenants: Vec<u32>,
        /// Rows of the largest table
        #[arg(long, default_value_t = 500_000)]
        rows: u64,
        /// Samples of each variant
        #[arg(long, default_value_t = 15)]
        rounds: u32,
    },
    /// The signed context by the call
    Context {
        /// Samples of each function
        #[arg(long, default_value_t = 15)]
        rounds: u32,
    },
    /// The online migration beside one plain UPDATE, with writers running
    Migration {
        /// Rows of the table
        #[arg(long, default_value_t = 2_000_000)]
        rows: u64,
        /// Writers
        #[arg(long, default_value_t = 4)]
        writers: u32,
        /// On a throw-away server of its own that waits for the disk (fsync, synchronous_commit, full_page_writes on)
        #[arg(long)]
        durable: bool,
    },
    /// Reading a catalog
    Inspect {
        /// Tables
        #[arg(long, default_value_t = 1_000)]
        tables: u32,
    },
    /// What a pooler costs: pgbench -S straight, through PgBouncer and through tenantry
    Proxy(throughput::Plan),
    /// What naming the tenant for each transaction costs, by hand and by tenantry's login
    Tenants(tenants::Plan),
    /// One tenant's reads beside the flood of another
    Noisy(noisy::Plan),
    /// Memory of a pooler for each idle client
    Idle(idle::Plan),
    /// The cache: its two levels, its fairness, and what it saves the demonstration application
    Cache(cache::Plan),
    /// Requests through the gateway, beside nginx
    Gateway(gateway::Plan),
    /// Inserting with a guard of quotas, beside the same without, on a server that waits for the disk
    Quota(quota::Plan),
    /// Validations of quotas over HTTP: asked of the database each time, and from memory
    QuotaValidate(validate::Plan),
    /// How long tenants wait for their place, and lists of many tenants
    Provisioning(provisioning::Plan),
    /// Torments a pooler and looks for what breaks: not a benchmark, so not part of all of them
    Soak(soak::Plan),
}

/// What `bench/run` does without a name, in this order.
const ALL: [&str; 13] = [
    "queries",
    "context",
    "migration",
    "inspect",
    "proxy",
    "tenants",
    "noisy",
    "idle",
    "cache",
    "gateway",
    "quota",
    "quota-validate",
    "provisioning",
];

#[tokio::main]
async fn main() -> ExitCode {
    match chosen(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn chosen(cli: Cli) -> anyhow::Result<()> {
    let major = || tenantry_testkit::available().first().copied().context("no PostgreSQL 15 to 18 on this machine");
    let benches = match cli.bench {
        // it has a server of its own, which it restarts
        Some(Bench::Soak(plan)) => return soak(&plan, cli.json).await,
        // it needs no database
        Some(Bench::Gateway(plan)) => {
            print_table(&gateway::run(&plan, &Narrator).await?, cli.json);
            return Ok(());
        }
        // the rows of one tenant are held until the disk has them, so it matters that there is one
        Some(Bench::Quota(plan)) if cli.database_url.is_none() => {
            let server = tenantry_testkit::Restartable::durable(major()?);
            return run(Bench::Quota(plan), &server.target(), cli.json).await;
        }
        Some(one) => vec![one],
        None => ALL.iter().filter_map(|name| Cli::parse_from(["bench", name]).bench).collect(),
    };
    let durable = benches.iter().any(|bench| matches!(bench, Bench::Migration { durable: true, .. }));
    // kept until the end
    let mut of_its_own = None;
    let target = match &cli.database_url {
        Some(_) if durable => anyhow::bail!("--durable starts a server of its own: leave DATABASE_URL out"),
        Some(url) => Target::parse(url).context("DATABASE_URL")?,
        None if durable => of_its_own.insert(tenantry_testkit::Restartable::durable(major()?)).target(),
        // poolers reach the server over TCP, so all do
        None => tenantry_testkit::postgres(major()?).tcp_target(),
    };
    for bench in benches {
        run(bench, &target, cli.json).await?;
    }
    Ok(())
}

async fn soak(plan: &soak::Plan, json: bool) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("a temporary folder")?;
    let report = soak::run(plan, &tenantry_bench::options(folder.path()), &Narrator).await?;
    print(&report.human(), &report.json(), json);
    anyhow::ensure!(report.is_clean(), "the soak found faults; --seed {} repeats what each client does", report.seed);
    Ok(())
}

async fn run(bench: Bench, target: &Target, json: bool) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("a temporary folder")?;
    let plain = tenantry_bench::options(folder.path());
    let options = |tenants, rows, rounds| Options { tenants, rows, rounds, ..plain.clone() };
    match bench {
        Bench::Queries { tenants, rows, rounds } => {
            for tenants in tenants {
                let report = bench::scratch(target, &options(tenants, rows, rounds), &Narrator).await?;
                print(&report.human(), &report.json(), json);
            }
        }
        Bench::Context { rounds } => {
            let options = options(1, 0, rounds);
            for report in [bench::context(target, &options, &Narrator).await?, text_keys::run(target, &options).await?]
            {
                print(&report.human(), &report.json(), json);
            }
        }
        Bench::Migration { rows, writers, .. } => {
            let report = migration::run(target, &options(1_000, rows, 1), writers, &Narrator).await?;
            print(&report.human(), &report.json(), json);
        }
        Bench::Inspect { tables } => {
            let report = inspect::run(target, &options(1, 0, 5), tables).await?;
            print(&report.human(), &report.json(), json);
        }
        Bench::Proxy(plan) => print_table(&throughput::run(target, &plain, &plan, &Narrator).await?, json),
        Bench::Tenants(plan) => print_table(&tenants::run(target, &plain, &plan, &Narrator).await?, json),
        Bench::Noisy(plan) => print_table(&noisy::run(target, &plain, &plan, &Narrator).await?, json),
        Bench::Idle(plan) => print_table(&idle::run(target, &plain, &plan, &Narrator).await?, json),
        Bench::Cache(plan) => print_table(&cache::run(target, &plan, &Narrator).await?, json),
        Bench::Gateway(plan) => print_table(&gateway::run(&plan, &Narrator).await?, json),
        Bench::Quota(plan) => print_table(&quota::run(target, &plain, &plan, &Narrator).await?, json),
        Bench::QuotaValidate(plan) => print_table(&validate::run(target, &plain, &plan, &Narrator).await?, json),
        Bench::Provisioning(plan) => print_table(&provisioning::run(target, &plan, &Narrator).await?, json),
        Bench::Soak(plan) => soak(&plan, json).await?,
    }
    Ok(())
}

fn print_table(table: &Table, json: bool) {
    print(&table.human(), &table.json(), json);
}

#[allow(clippy::print_stdout)] // the result of the program
fn print(human: &str, document: &serde_json::Value, json: bool) {
    if json { println!("{document}") } else { println!("{human}") }
}

/// Says on standard error what is going on.
pub(crate) struct Narrator;

impl Observer for Narrator {
    fn now(&self, what: &str) {
        eprintln!("{what}");
    }
}
