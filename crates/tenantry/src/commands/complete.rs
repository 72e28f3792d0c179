//! `tenantry complete`: closes the old doors.

use tenantry_engine::apply::{self, Command, Options};

use super::Outcome;
use super::running::{Watch, report};
use crate::config::Settings;
use crate::errors::Failure;

const AFTER: &str = "\
Run it once every server of the application uses the new logins. It forces row-level security on owners too, moves
ownership and revokes the rights of old logins. It refuses while old logins are connected, and names them.

Examples:
  tenantry complete
  tenantry complete --yes --lock-out-old-logins

Exit codes: 0 completed, 2 refused or stopped.";

/// Close the old doors, once the application uses the new logins
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// Go on although sessions still use logins that lose their rights
    #[arg(long)]
    lock_out_old_logins: bool,
    /// How long a step waits for its locks in all, in seconds
    #[arg(long, default_value_t = apply::LOCK_PATIENCE.as_secs(), value_name = "SECONDS")]
    lock_patience: u64,
}

/// Asks, then runs the second half of the blueprint in the journal.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    let output = settings.output;
    output.only_human_or_json("complete")?;
    let target = settings.target()?;
    let question = format!("close the old doors of {target}: logins other than the new ones lose their rights. go on?");
    output.confirm(&question, settings.yes)?;
    let options = Options {
        allow_old_server: settings.allow_old_server,
        lock_out_old_logins: args.lock_out_old_logins,
        lock_patience: std::time::Duration::from_secs(args.lock_patience),
        ..Options::default()
    };
    let outcome = apply::complete(&target, &options, &Watch::new(&output)).await?;
    report(&output, Command::Complete, &outcome, "next: `tenantry verify`")?;
    Ok(Outcome::Fine)
}
