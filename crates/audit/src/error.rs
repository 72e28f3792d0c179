//! Why the audit log could not be written or read.

use std::path::PathBuf;

use tenantry_model::Class;
use tenantry_pg::{class_of, in_plain_words, tokio_postgres};

/// Why the audit log could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The database did not do it.
    #[error("cannot {doing}: {}", in_plain_words(source))]
    Query {
        /// What was to be done.
        doing: &'static str,
        /// What it said.
        source: tokio_postgres::Error,
    },
    /// An entry is none.
    #[error("entry {number} cannot be read: run the verification")]
    Unreadable {
        /// Its number in the table.
        number: i64,
        /// Why.
        source: serde_json::Error,
    },
    /// A file of checkpoints or entries could not be written or read.
    #[error("cannot {doing} {}: it is a file outside the database that only grows", path.display())]
    File {
        /// What was to be done.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The head of a chain in the database is not what the last signed checkpoint says: nothing more is signed.
    #[error(
        "the chain {chain} does not go on from its last signed checkpoint, number {sequence}: run the verification"
    )]
    Broken {
        /// Which chain.
        chain: String,
        /// The last number that was signed.
        sequence: u64,
    },
}

impl AuditError {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Query { source, .. } => class_of(source),
            Self::File { .. } => Class::Unavailable,
            Self::Unreadable { .. } | Self::Broken { .. } => Class::Conflict,
        }
    }
}

pub(crate) fn query(doing: &'static str) -> impl Fn(tokio_postgres::Error) -> AuditError {
    move |source| AuditError::Query { doing, source }
}
