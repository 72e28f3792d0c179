//! `tenantry registry`: about the registry file itself. No database is asked.

use clap::Subcommand;
use tenantry_blueprint::registry::json_schema;

use super::Outcome;
use crate::config::Settings;
use crate::errors::Failure;

const AFTER: &str = "\
Examples:
  tenantry registry schema > tenantry.schema.json    for editors that check TOML while you type";

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
}

/// Prints the schema.
pub(crate) fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    let What::Schema = args.what;
    settings.output.json(&json_schema())?;
    Ok(Outcome::Fine)
}
