//! The commands, one verb a file. Each reads its arguments, calls the crate that knows, and prints what came of it.

pub(crate) mod apply;
pub(crate) mod audit;
pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod complete;
pub(crate) mod completions;
pub(crate) mod database;
pub(crate) mod doctor;
pub(crate) mod domains;
pub(crate) mod fleet;
pub(crate) mod inspect;
pub(crate) mod key;
pub(crate) mod man;
pub(crate) mod member;
pub(crate) mod plan;
pub(crate) mod plans;
pub(crate) mod quota;
pub(crate) mod registry;
pub(crate) mod rollback;
pub(crate) mod serve;
pub(crate) mod signing_key;
pub(crate) mod status;
pub(crate) mod support;
pub(crate) mod tenant;
pub(crate) mod tenants;
pub(crate) mod up;
pub(crate) mod verify;

mod reading;
mod running;

use crate::cli::Command;
use crate::config::Settings;
use crate::errors::Failure;

/// What a command that did its work says to scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All is well.
    Fine,
    /// Something was found that a person should look at.
    Findings,
}

impl Outcome {
    /// Findings, if there are any.
    pub(crate) fn findings(any: bool) -> Self {
        if any { Self::Findings } else { Self::Fine }
    }
}

/// Runs a command.
pub(crate) async fn run(command: Command, settings: Settings) -> Result<Outcome, Failure> {
    match command {
        Command::Up(args) => up::run(args, settings).await,
        Command::Inspect(args) => inspect::run(args, settings).await,
        Command::Check(args) => check::run(args, settings).await,
        Command::Plan(args) => plan::run(args, settings).await,
        Command::Verify(args) => verify::run(args, settings).await,
        Command::Apply(args) => apply::run(args, settings).await,
        Command::Complete(args) => complete::run(args, settings).await,
        Command::Rollback(args) => rollback::run(args, settings).await,
        Command::Status(args) => status::run(args, settings).await,
        Command::Bench(args) => bench::run(args, settings).await,
        Command::Doctor(args) => doctor::run(args, settings).await,
        Command::Serve(args) => serve::run(args, settings).await,
        Command::Tenant(args) => tenant::run(args, settings).await,
        Command::Key(args) => key::run(args, settings).await,
        Command::Plans(args) => plans::run(args, settings).await,
        Command::Quota(args) => quota::run(args, settings).await,
        Command::Member(args) => member::run(args, settings).await,
        Command::Support(args) => support::run(args, settings).await,
        Command::SigningKey(args) => signing_key::run(args, settings).await,
        Command::Database(args) => database::run(args, settings).await,
        Command::Fleet(args) => fleet::run(args, settings).await,
        Command::Tenants(args) => tenants::run(args, settings).await,
        Command::Domains(args) => domains::run(args, settings).await,
        Command::Registry(args) => registry::run(args, settings),
        Command::Audit(args) => audit::run(args, settings).await,
        Command::Completions(args) => completions::run(args, settings),
        Command::Man(args) => man::run(args, settings),
    }
}
