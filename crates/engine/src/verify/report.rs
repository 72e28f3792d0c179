//! What verify found, as a value: the shape other programs rely on.

use serde::{Deserialize, Serialize};
pub use tenantry_blueprint::file::Severity;

/// Version of the JSON form.
pub const FORMAT: u32 = 1;

/// The outcome of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The attack was made and did not succeed.
    Pass,
    /// The attack succeeded, or the catalog shows that it would.
    Fail,
    /// A channel that stays open by nature of the server, or that the registry accepts. Documented, not hidden.
    Residual,
    /// The check could not be made; the evidence says why.
    Skipped,
}

impl Status {
    /// The word used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Residual => "residual",
            Self::Skipped => "skipped",
        }
    }
}

/// One check and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Its number in the catalogue of attacks: `P-08`.
    pub id: String,
    /// What it is about, in one line.
    pub title: String,
    /// Where it attacks: `database`.
    pub layer: String,
    /// How bad a failure is.
    pub severity: Severity,
    /// The outcome.
    pub status: Status,
    /// The objects it failed on, or was accepted for.
    pub objects: Vec<String>,
    /// What was tried and seen: counts and names of objects, never a customer's value.
    pub evidence: String,
    /// What to do if it fails.
    pub remedy: String,
}

/// One table of the application, and how it is kept apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableLine {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub table: String,
    /// Its class, as in the registry.
    pub class: String,
    /// The tenant column, if it has one.
    pub column: Option<String>,
    /// The way to the tenant, hop by hop, where there is no column.
    pub path: Vec<String>,
    /// How it is protected, in a few words.
    pub protection: String,
    /// A policy stands on it.
    pub protected: bool,
}

/// The whole report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: u32,
    /// Number of checks passed.
    pub passed: usize,
    /// Number of checks failed.
    pub failed: usize,
    /// Number of channels that stay open and are documented.
    pub residual: usize,
    /// Number of checks that could not be made.
    pub skipped: usize,
    /// Version of tenantry.
    pub tool: String,
    /// The database.
    pub database: String,
    /// The server's version.
    pub server_version: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// How long it took.
    pub seconds: f64,
    /// Every check, in the order of the catalogue.
    pub checks: Vec<Check>,
    /// Every table, by name.
    pub tables: Vec<TableLine>,
}

impl Report {
    /// Counts the checks again, after they changed.
    pub fn count(&mut self) {
        let of = |s: Status| self.checks.iter().filter(|c| c.status == s).count();
        (self.passed, self.failed, self.residual, self.skipped) =
            (of(Status::Pass), of(Status::Fail), of(Status::Residual), of(Status::Skipped));
    }

    /// True if no check failed.
    pub fn is_clean(&self) -> bool {
        self.failed == 0
    }

    /// The check of this id.
    pub fn check(&self, id: &str) -> Option<&Check> {
        self.checks.iter().find(|c| c.id == id)
    }
}
