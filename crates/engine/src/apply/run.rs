//! One run of a command.

use tenantry_blueprint::file::Blueprint;
use tenantry_pg::Target;

use super::{Command, Error, Observer, Options, Outcome};

pub(super) async fn forward(
    target: &Target,
    command: Command,
    _blueprint: Option<&Blueprint>,
    _options: &Options,
    _observer: &dyn Observer,
) -> Result<Outcome, Error> {
    Err(Error::NotIsolated { database: target.database().to_owned(), command })
}

pub(super) async fn back(target: &Target, _: &Options, _: &dyn Observer) -> Result<Outcome, Error> {
    Err(Error::NotIsolated { database: target.database().to_owned(), command: Command::Rollback })
}
