//! `tenantry bench`: queries of one tenant before and after isolation, side by side.

use std::path::PathBuf;

use tenantry_engine::bench::{self, Observer, Options};
use tenantry_engine::credentials::Credentials;

use super::Outcome;
use crate::config::Settings;
use crate::errors::Failure;
use crate::output::Progress;

const AFTER: &str = "\
Without further options it makes a database of its own on the server, fills it, measures, isolates it, measures again
and drops it: that needs a superuser. With --existing it measures the isolated database as it is, with read-only
queries. Every variant runs in turn and its median counts; ratios travel between machines, times do not.

Examples:
  tenantry bench
  tenantry bench --tenants 10000 --rows 2000000
  tenantry bench --existing --credentials isolation/credentials.json
  tenantry bench --format json | jq '.series[] | {query, tenant, cells}'

Exit codes: 0 measured, 2 could not do its work.";

/// Measure queries before and after isolation, side by side
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// Measure this isolated database as it is, read-only
    #[arg(long, requires = "credentials")]
    existing: bool,
    /// The credentials file that apply wrote
    #[arg(long, env = "TENANTRY_CREDENTIALS", value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// Tenants of the generated data; their sizes follow Zipf's law
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    tenants: u32,
    /// Rows of the largest generated table
    #[arg(long, default_value_t = 200_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1_000..=50_000_000))]
    rows: u64,
    /// Samples of each variant; the median counts
    #[arg(long, default_value_t = 9, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
}

/// Measures and prints.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    let output = settings.output;
    output.only_human_or_json("bench")?;
    let target = settings.target()?;
    let options = Options {
        tenants: args.tenants,
        rows: args.rows,
        rounds: args.rounds,
        allow_old_server: settings.allow_old_server,
        folder: std::env::temp_dir().join(format!("tenantry-bench-{}", std::process::id())),
    };
    let watch = Watch(output.progress(0));
    let measured = match args.credentials.filter(|_| args.existing) {
        Some(file) => bench::existing(&target, &Credentials::read(&file)?, args.rounds, &watch).await,
        None => bench::scratch(&target, &options, &watch).await,
    };
    watch.0.finish();
    let report = measured?;
    if output.is_human() {
        output.text(&report.human())?;
    } else {
        output.json(&report)?;
    }
    Ok(Outcome::Fine)
}

struct Watch(Progress);

impl Observer for Watch {
    fn now(&self, what: &str) {
        self.0.now(what);
    }
}
