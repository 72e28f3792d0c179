//! What one attack comes to.

use futures::future::BoxFuture;

use super::report::Severity;
use super::stage::Stage;

/// One attack: everything the report and its page in `docs/checks/` say, and the code that makes it.
pub struct Attack {
    /// Its number in the catalogue: `P-08`.
    pub id: &'static str,
    /// One line.
    pub title: &'static str,
    /// How bad a success is.
    pub severity: Severity,
    /// What it means, for its page.
    pub meaning: &'static str,
    /// How it is made, for its page.
    pub method: &'static str,
    /// What to do when it succeeds.
    pub remedy: &'static str,
    /// Makes it.
    pub(crate) run: for<'a> fn(&'a Stage) -> BoxFuture<'a, Verdict>,
}

/// Where an attack strikes. The gateway and the proxy will have their own.
pub(crate) const LAYER: &str = "database";

/// The result of an attack that could be made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It did not succeed.
    Pass(String),
    /// It succeeded.
    Fail {
        /// On these objects.
        objects: Vec<String>,
        /// What was seen.
        evidence: String,
    },
    /// The channel is open by nature of the server; documented.
    Residual(String),
    /// It could not be made.
    Skipped(String),
}

/// An attack that broke off: the check is skipped with these words.
#[derive(Debug)]
pub(crate) struct Stop(pub(crate) String);

impl From<tenantry_pg::tokio_postgres::Error> for Stop {
    fn from(error: tenantry_pg::tokio_postgres::Error) -> Self {
        Self(tenantry_pg::in_plain_words(&error))
    }
}

impl From<super::Error> for Stop {
    fn from(error: super::Error) -> Self {
        Self(error.to_string())
    }
}

/// What an attack's function gives back.
pub(crate) type Verdict = Result<Outcome, Stop>;
