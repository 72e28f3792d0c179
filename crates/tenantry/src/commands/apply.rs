//! `tenantry apply`: runs a blueprint online.

use std::path::{Path, PathBuf};

use tenantry_blueprint::file::{Blueprint, Phase};
use tenantry_engine::apply::{self, Command, Options};

use super::Outcome;
use super::running::{Watch, report, summary};
use crate::config::Settings;
use crate::errors::Failure;

/// The file of a blueprint's folder that apply reads.
pub(super) const BLUEPRINT_FILE: &str = "blueprint.json";

/// Where the credentials go if nobody says otherwise.
pub(super) const CREDENTIALS_FILE: &str = "credentials.json";

const AFTER: &str = "\
Old application logins keep working. Every step is recorded in the database: if the run is interrupted, the same
command goes on where it stopped. `tenantry rollback` takes everything back.

The logins for the application and the key that signs tenant contexts are written to the credentials file, readable
by you alone. They are nowhere else: keep the file.

Examples:
  tenantry apply isolation
  tenantry apply isolation --yes --credentials /run/secrets/tenantry.json
  tenantry apply isolation --yes --format json --lock-patience 60

Exit codes: 0 applied, 2 refused or stopped.";

/// Run a blueprint online; old logins keep working
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The folder `tenantry plan` wrote
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Where to write the runtime logins and the signing key [default: DIR/credentials.json]
    #[arg(long, env = "TENANTRY_CREDENTIALS", value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// How long a step waits for its locks in all, in seconds
    #[arg(long, default_value_t = apply::LOCK_PATIENCE.as_secs(), value_name = "SECONDS")]
    lock_patience: u64,
}

/// Reads the blueprint, asks, runs it.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    let output = settings.output;
    output.only_human_or_json("apply")?;
    let target = settings.target()?;
    let blueprint = read_blueprint(&args.folder)?;
    let credentials = args.credentials.unwrap_or_else(|| args.folder.join(CREDENTIALS_FILE));
    let steps = summary(blueprint.steps.iter().filter(|s| s.phase == Phase::Apply));
    output.confirm(&format!("apply to {target}:\n  {steps}\ngo on?"), settings.yes)?;
    let options = Options {
        credentials: credentials.clone(),
        allow_old_server: settings.allow_old_server,
        lock_patience: std::time::Duration::from_secs(args.lock_patience),
        ..Options::default()
    };
    let outcome = apply::apply(&target, &blueprint, &options, &Watch::new(&output)).await?;
    let next = format!(
        "credentials: {}\nnext: switch the application to these logins, `tenantry verify`, then `tenantry complete`",
        credentials.display()
    );
    report(&output, Command::Apply, &outcome, &next)?;
    Ok(Outcome::Fine)
}

/// Reads `blueprint.json` of a folder, or the file itself if that is what was named.
pub(super) fn read_blueprint(folder: &Path) -> Result<Blueprint, Failure> {
    let path = if folder.is_file() { folder.to_owned() } else { folder.join(BLUEPRINT_FILE) };
    let what = format!("cannot read the blueprint {}", path.display());
    let text = std::fs::read_to_string(&path).map_err(|e| {
        Failure::caller(what.clone())
            .because(e)
            .code("blueprint-unreadable")
            .remedy("name the folder that `tenantry plan --out DIR` wrote")
    })?;
    Blueprint::from_json(&text).map_err(|e| Failure::new(e.class(), what).because(e).code("blueprint-unreadable"))
}
