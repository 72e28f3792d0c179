//! `tenantry rollback`: gives the database back as it was.

use std::path::PathBuf;

use tenantry_engine::apply::{self, Command, Options};

use super::Outcome;
use super::apply::read_blueprint;
use super::running::{Watch, report};
use crate::config::Settings;
use crate::errors::Failure;

const AFTER: &str = "\
Works from any state, also after a crash in the middle of apply or complete. The structure is then what it was
before `apply`, to the byte of pg_dump; rows written since stay. The new logins are dropped: switch the application
back to the old ones first.

Examples:
  tenantry rollback
  tenantry rollback --yes --disconnect
  tenantry rollback --blueprint isolation            if the journal in the database is damaged

Exit codes: 0 rolled back, 2 refused or stopped.";

/// Give the database back exactly as it was before apply
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// End the sessions of the logins that are dropped
    #[arg(long)]
    disconnect: bool,
    /// With a damaged journal: the folder of the blueprint that was applied
    #[arg(long, value_name = "DIR")]
    blueprint: Option<PathBuf>,
    /// How long a step waits for its locks in all, in seconds
    #[arg(long, default_value_t = apply::LOCK_PATIENCE.as_secs(), value_name = "SECONDS")]
    lock_patience: u64,
}

/// Asks, then takes everything back.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    let output = settings.output;
    output.only_human_or_json("rollback")?;
    let target = settings.target()?;
    let blueprint = args.blueprint.as_deref().map(read_blueprint).transpose()?;
    let question = format!("take the isolation of {target} back: its policies, columns, logins and keys go. go on?");
    output.confirm(&question, settings.yes)?;
    let options = Options {
        allow_old_server: settings.allow_old_server,
        disconnect: args.disconnect,
        blueprint,
        lock_patience: std::time::Duration::from_secs(args.lock_patience),
        ..Options::default()
    };
    let outcome = apply::rollback(&target, &options, &Watch::new(&output)).await?;
    report(&output, Command::Rollback, &outcome, "")?;
    Ok(Outcome::Fine)
}
