//! The benchmarks of tenantry: ratios side by side, measured in one run. See README.md beside this crate.

mod inspect;
mod migration;
mod text_keys;
mod writers;

use anyhow::Context;
use clap::{Parser, Subcommand};
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
    },
    /// Reading a catalog
    Inspect {
        /// Tables
        #[arg(long, default_value_t = 1_000)]
        tables: u32,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let target = match &cli.database_url {
        Some(url) => Target::parse(url).context("DATABASE_URL")?,
        None => {
            let major = *tenantry_testkit::available().first().context("no PostgreSQL 15 to 18 on this machine")?;
            tenantry_testkit::postgres(major).target().clone()
        }
    };
    let all = vec![
        Bench::Queries { tenants: vec![1, 100, 10_000], rows: 500_000, rounds: 15 },
        Bench::Context { rounds: 15 },
        Bench::Migration { rows: 2_000_000, writers: 4 },
        Bench::Inspect { tables: 1_000 },
    ];
    for bench in cli.bench.map_or(all, |one| vec![one]) {
        run(bench, &target, cli.json).await?;
    }
    Ok(())
}

async fn run(bench: Bench, target: &Target, json: bool) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("a temporary folder")?;
    let options = |tenants, rows, rounds| Options {
        tenants,
        rows,
        rounds,
        // a benchmark compares, it does not protect
        allow_old_server: true,
        folder: folder.path().to_owned(),
    };
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
        Bench::Migration { rows, writers } => {
            let report = migration::run(target, &options(1_000, rows, 1), writers, &Narrator).await?;
            print(&report.human(), &report.json(), json);
        }
        Bench::Inspect { tables } => {
            let report = inspect::run(target, &options(1, 0, 5), tables).await?;
            print(&report.human(), &report.json(), json);
        }
    }
    Ok(())
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
