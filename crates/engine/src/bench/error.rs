//! Why a benchmark could not do its work.

use tenantry_model::Class;
use tenantry_pg::tokio_postgres;

/// Why a benchmark could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection.
    #[error("cannot connect as {who}")]
    Connect {
        /// Which login.
        who: String,
        /// Why.
        #[source]
        source: tenantry_pg::ConnectError,
    },
    /// A statement failed.
    #[error("cannot {doing}: {reason}")]
    Sql {
        /// What was being done.
        doing: String,
        /// The server's words.
        reason: String,
        /// The cause.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The login may not do what a scratch database needs.
    #[error(
        "login `{0}` may not make databases and bypass row-level security: the scratch database and the hand-written \
         queries need a superuser. Use a server of your own, or measure a database as it is with --existing"
    )]
    NotSuperuser(String),
    /// The catalog could not be read.
    #[error("cannot read the catalog")]
    Inspect(#[from] crate::inspect::Error),
    /// The blueprint of the scratch database is blocked.
    #[error("the blueprint is blocked: {0}")]
    Blocked(String),
    /// Isolating it failed.
    #[error("cannot isolate the scratch database")]
    Apply(#[from] crate::apply::Error),
    /// The credentials cannot be used.
    #[error("cannot use the credentials")]
    Credentials(#[from] crate::credentials::CredentialsError),
    /// A key cannot be signed.
    #[error("cannot sign a context")]
    Token(#[from] tenantry_model::token::TokenError),
    /// Nothing to measure.
    #[error("nothing to measure: {0}")]
    Nothing(String),
    /// The folder for credentials cannot be made.
    #[error("cannot make the folder {}", .path.display())]
    Folder {
        /// The folder.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// A statement that failed while something was being done.
    pub(super) fn sql(doing: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Sql { doing, reason: tenantry_pg::in_plain_words(&source), source }
    }

    /// What kind of failure it is.
    pub fn class(&self) -> Class {
        match self {
            Self::Connect { source, .. } => source.class(),
            Self::Sql { source, .. } => tenantry_pg::class_of(source),
            Self::NotSuperuser(_) => Class::Denied,
            Self::Inspect(source) => source.class(),
            Self::Apply(source) => source.class(),
            Self::Credentials(source) => source.class(),
            Self::Nothing(_) => Class::Missing,
            Self::Folder { .. } => Class::Caller,
            Self::Blocked(_) | Self::Token(_) => Class::Bug,
        }
    }
}
