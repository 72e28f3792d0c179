//! `tenantry status`: where a database stands.

use tenantry_engine::apply;

use super::Outcome;
use crate::config::Settings;
use crate::errors::Failure;

const AFTER: &str = "\
Examples:
  tenantry status
  watch tenantry status                              while an apply runs elsewhere
  tenantry status --format json | jq '.steps[] | select(.state != \"done\")'

Exit codes: 0 whatever the state, 2 could not read it.";

/// Show where a database stands, step by step, with times
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {}

/// Reads the journal and prints it.
pub(crate) async fn run(_: Args, settings: Settings) -> Result<Outcome, Failure> {
    settings.output.only_human_or_json("status")?;
    let status = apply::status(&settings.target()?).await?;
    if settings.output.is_human() {
        settings.output.text(&status.to_string())?;
    } else {
        settings.output.json(&status)?;
    }
    Ok(Outcome::Fine)
}
