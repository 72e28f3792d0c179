//! What verify is asked to do.

use std::time::Duration;

use tenantry_blueprint::file::Blueprint;
use tenantry_blueprint::registry::Registry;
use tenantry_pg::Target;

use super::Status;
use crate::credentials::Credentials;

/// Whose credentials the attacks use.
#[derive(Clone)]
pub enum Logins {
    /// The credentials file of `apply`: runtime logins and signing key.
    Credentials(Credentials),
    /// The application's own database URL; the signing key is a temporary one made by the admin.
    App(Box<Target>),
    /// Logins made for this run in the runtime group, and a temporary signing key; all removed at the end.
    Temporary,
}

/// Bounds of everything that could take long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The whole run. What does not fit is reported as skipped.
    pub total: Duration,
    /// One statement.
    pub statement: Duration,
    /// One wait for a lock.
    pub lock: Duration,
    /// A table in which tenant A has more rows is not written without a WHERE.
    pub rows_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            total: Duration::from_secs(300),
            statement: Duration::from_secs(5),
            lock: Duration::from_millis(200),
            rows_max: 5_000,
        }
    }
}

/// The order for one run.
#[derive(Clone)]
pub struct Request {
    /// The database, with a login that may read the journal (the one that ran `apply`).
    pub target: Target,
    /// Whose credentials the attacks use.
    pub logins: Logins,
    /// Tenants A and B as text; chosen automatically if absent.
    pub tenants: Option<(String, String)>,
    /// Ids of the checks to run; all if empty.
    pub only: Vec<String>,
    /// Ids of the checks to leave out.
    pub skip: Vec<String>,
    /// The registry: what was accepted, and which tables need no protection.
    pub registry: Registry,
    /// The blueprint, if it is not to be read from the journal.
    pub blueprint: Option<Blueprint>,
    /// Bounds.
    pub limits: Limits,
}

impl Request {
    /// A run with temporary logins, all checks and default bounds.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            logins: Logins::Temporary,
            tenants: None,
            only: Vec::new(),
            skip: Vec::new(),
            registry: Registry::default(),
            blueprint: None,
            limits: Limits::default(),
        }
    }
}

/// What happens while verify works.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// So many checks will be made.
    Started {
        /// How many.
        checks: usize,
    },
    /// A check begins.
    Begin {
        /// Its id.
        id: &'a str,
        /// Its title.
        title: &'a str,
    },
    /// A check ended.
    End {
        /// Its id.
        id: &'a str,
        /// Its outcome.
        status: Status,
    },
}

/// Somebody who wants to see progress.
pub trait Observer: Send + Sync {
    /// Called for every event, from the task that runs verify.
    fn event(&self, event: Event<'_>);
}

/// Nobody watches.
pub struct Quiet;

impl Observer for Quiet {
    fn event(&self, _: Event<'_>) {}
}
