//! `tenantry registry`: about the registry file itself. No database is asked.

use clap::Subcommand;
use tenantry_blueprint::cache_rules::Rules;
use tenantry_blueprint::registry::json_schema;

use super::Outcome;
use crate::config::Settings;
use crate::errors::Failure;

const AFTER: &str = "\
Examples:
  tenantry registry schema > tenantry.schema.json    for editors that check TOML while you type
  tenantry registry cache-sql | psql ...             triggers that tell the cache of committed changes
  tenantry registry cache-sql --down | psql ...      and their way back";

/// Work with the registry file (tenantry.toml)
#[derive(clap::Args)]
#[command(after_help = AFTER, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Print the JSON Schema of the file
    Schema,
    /// Print the SQL by which committed changes drop cache entries, as [cache.invalidations] says
    CacheSql {
        /// The way back instead
        #[arg(long)]
        down: bool,
    },
}

/// Prints what was asked for.
pub(crate) fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    match args.what {
        What::Schema => settings.output.json(&json_schema())?,
        What::CacheSql { down } => {
            let script = rules(&settings)?.script();
            settings.output.text(if down { &script.down } else { &script.up })?;
        }
    }
    Ok(Outcome::Fine)
}

fn rules(settings: &Settings) -> Result<Rules, Failure> {
    Rules::of_registry(&settings.registry.content).map_err(|e| {
        let remedy = "docs/guides/cache.md shows the section [cache.invalidations]";
        Failure::caller("cannot make triggers for the cache").because(e).code("registry-unreadable").remedy(remedy)
    })
}
