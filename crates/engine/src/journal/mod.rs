//! What was done to a database, recorded in that database.
//!
//! Two tables in schema `tenantry`: `journal`, one row that holds the blueprint and where the database stands, and
//! `journal_step`, one row per step. A step that runs in a transaction is recorded in that transaction; the others
//! are recorded as running before they begin. So a killed run leaves nothing that the journal does not know of.
//!
//! The tables are made before the first step and dropped with the last one. They hold no secret, and nobody but
//! their owner may read them. A journal that somebody changed is refused with the remedy, never guessed at.

mod read;
mod write;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tenantry_blueprint::drift::Protection;
use tenantry_blueprint::file::Blueprint;
use tenantry_model::Class;
use tenantry_pg::{class_of, in_plain_words, tokio_postgres};

use crate::apply::{Progress, RunState, StepState};

pub use read::read;
pub(crate) use write::{
    begin_run, create, drop_tables, end_run, keep_open, replace, schema_exists, step_begun, step_done, step_failed,
    step_progress, step_undone,
};

/// A journal, read from its database.
#[derive(Clone, Debug)]
pub struct Journal {
    /// Number of the run.
    pub run: i64,
    /// Where the database stands.
    pub state: RunState,
    /// The blueprint.
    pub blueprint: Blueprint,
    /// The wall as the last finished command left it.
    pub protection: Option<Protection>,
    /// When it began. ISO 8601, UTC.
    pub started_at: String,
    /// When the last command ended.
    pub finished_at: Option<String>,
    /// One entry per step of the blueprint, in its order.
    pub steps: Vec<Entry>,
}

/// What is recorded of one step.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it stands.
    pub state: StepState,
    /// When it began last.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
    /// Seconds between the two, or until now.
    pub seconds: Option<f64>,
    /// How often it was begun.
    pub attempts: u32,
    /// Where it goes on.
    pub mark: Option<Mark>,
    /// Why it stopped last time.
    pub error: Option<String>,
}

/// Where a step that is not one transaction goes on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mark {
    /// How far a backfill is.
    pub progress: Progress,
    /// Ranges of pages a backfill put off because a row in them stayed locked.
    pub put_off: Vec<(u32, u32)>,
    /// The file the credentials went into.
    pub credentials: Option<String>,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It does not hold together.
    #[error(
        "the journal of this database is damaged: {what}; restore schema tenantry from a backup, or give the blueprint it came from: `tenantry rollback DIR`"
    )]
    Damaged {
        /// What is wrong.
        what: String,
    },
    /// It cannot be read.
    #[error("cannot read the journal in schema tenantry: {}", in_plain_words(.source))]
    Read {
        /// What the server said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// It cannot be written.
    #[error("cannot {what} in the journal in schema tenantry: {}", in_plain_words(.source))]
    Write {
        /// What was to be written.
        what: &'static str,
        /// What the server said.
        #[source]
        source: tokio_postgres::Error,
    },
}

impl JournalError {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Damaged { .. } => Class::Conflict,
            Self::Read { source } | Self::Write { source, .. } => class_of(source),
        }
    }

    fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }
}

/// SHA-256 of a blueprint, in hexadecimal: the journal's own seal on its copy.
pub(crate) fn seal(blueprint: &Blueprint) -> String {
    let text = serde_json::to_vec(blueprint).unwrap_or_default();
    Sha256::digest(&text).iter().map(|b| format!("{b:02x}")).collect()
}
