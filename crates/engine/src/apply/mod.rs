//! Runs a blueprint: apply, complete, roll back, status.
//!
//! One runner at a time holds an advisory lock. Each step is journaled in the database it changes, so that the same
//! command goes on after a crash. Locks are waited for in short bites, so that the application's own statements
//! never queue long behind us.
//!
//! Refused: a schema that is not the blueprint's, a blocked blueprint, a damaged journal, an old server unless
//! allowed, and every state the command does not fit.

mod back;
mod backfill;
mod error;
mod event;
mod index;
mod lock;
mod preflight;
mod run;
mod runner;
mod secrets;
mod sessions;
mod state;
mod status;
mod transaction;

use std::path::PathBuf;
use std::time::Duration;

use tenantry_blueprint::file::Blueprint;
use tenantry_pg::Target;

pub use error::Error;
pub use event::{Command, Event, Observer, Progress, Silent, Yield};
pub use sessions::Session;
pub(crate) use state::contradiction;
pub use state::{RunState, StepState};
pub use status::{Status, StepStatus};

/// How long one step waits for its locks, in all.
pub const LOCK_PATIENCE: Duration = Duration::from_secs(10 * 60);

/// What a command may be told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where `apply` writes the runtime logins and the signing key.
    pub credentials: PathBuf,
    /// Work on servers below the version floor too.
    pub allow_old_server: bool,
    /// How long one step waits for its locks before it gives up.
    pub lock_patience: Duration,
    /// `complete`: go on while sessions use logins that lose their rights.
    pub lock_out_old_logins: bool,
    /// `rollback`: end the sessions of the logins it drops.
    pub disconnect: bool,
    /// `rollback` with a damaged journal: the blueprint the journal was made from.
    pub blueprint: Option<Blueprint>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            credentials: PathBuf::from("credentials.json"),
            allow_old_server: false,
            lock_patience: LOCK_PATIENCE,
            lock_out_old_logins: false,
            disconnect: false,
            blueprint: None,
        }
    }
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// Where the database stands now; `None` after a rollback.
    pub state: Option<RunState>,
    /// Steps this run did (or took back).
    pub steps: usize,
    /// An earlier run was cut short, and this one went on.
    pub resumed: bool,
    /// What was left out on the way back, because it was gone already.
    pub skipped: Vec<String>,
}

/// Runs the `apply` steps of a blueprint, or goes on where an earlier run stopped. Does nothing if all is done.
pub async fn apply(
    target: &Target,
    blueprint: &Blueprint,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Outcome, Error> {
    run::forward(target, Command::Apply, Some(blueprint), options, observer).await
}

/// Runs the `complete` steps of the blueprint in the journal: the old doors close.
pub async fn complete(target: &Target, options: &Options, observer: &dyn Observer) -> Result<Outcome, Error> {
    run::forward(target, Command::Complete, None, options, observer).await
}

/// Takes everything back, from wherever the database stands, until nothing of tenantry is left.
pub async fn rollback(target: &Target, options: &Options, observer: &dyn Observer) -> Result<Outcome, Error> {
    back::back(target, options, observer).await
}

/// Where the database stands. Changes nothing.
pub async fn status(target: &Target) -> Result<Status, Error> {
    status::read(target).await
}
