//! Why a statement of a tenant did not run, or not to its end.

use std::time::Duration;

use tenantry_model::token::TokenError;
use tenantry_model::{Class, KeyKind};
use tenantry_pg::tokio_postgres;
use tenantry_pg::{ConnectError, class_of, in_plain_words};

use crate::CredentialsError;

/// What can go wrong. The message says what to do; the cause is the `source`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The credentials are of no use.
    #[error("the pool cannot use these credentials")]
    Credentials {
        /// Why.
        #[source]
        source: CredentialsError,
    },
    /// No connection can be made.
    #[error("the pool cannot connect")]
    Connect {
        /// Why.
        #[source]
        source: ConnectError,
    },
    /// Connecting, or giving the connection to a tenant, took too long.
    #[error("the server did not make a connection ready within {within:?}: check its load, or raise connect_within")]
    Silent {
        /// How long it was waited for.
        within: Duration,
    },
    /// The database would not bind the connection.
    #[error("the database does not bind a session ({}): is it isolated, and no standby?", in_plain_words(.source))]
    Bind {
        /// What the server said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The database has no context to sign for.
    #[error("the database is not isolated by tenantry: apply its blueprint, or name another database")]
    NotIsolated,
    /// The key is of another kind than the database's.
    #[error("keys of this database are of kind {expected:?}, and this one is {found:?}: parse it as that kind")]
    OtherKind {
        /// The kind of the key given.
        found: KeyKind,
        /// The kind of the database; integer and bigint are one.
        expected: KeyKind,
    },
    /// The database knows no business units.
    #[error("the tenants of this database have no business units: leave the unit out, or add [scope] and apply")]
    NoUnits,
    /// The tenant's key cannot be signed.
    #[error("no context can be signed for this tenant")]
    Sign {
        /// Why.
        #[source]
        source: TokenError,
    },
    /// The database refused the context, on a new connection too.
    #[error("the database refused the tenant's context: {}", in_plain_words(.source))]
    Context {
        /// What the server said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// Every connection the tenant may have is in use.
    #[error(
        "no connection became free within {waited:?}, of {size}, some of which no single tenant may hold: \
         end transactions sooner, or raise [roles] slots"
    )]
    Exhausted {
        /// How long it was waited for.
        waited: Duration,
        /// Connections of the pool.
        size: usize,
    },
    /// Too many of this tenant wait already.
    #[error("{waiting} of this tenant wait for a connection already: run fewer at once, or raise waiting_max")]
    TooManyWaiting {
        /// How many.
        waiting: u32,
    },
    /// The pool was closed.
    #[error("the pool is closed")]
    Closed,
    /// A transaction cannot be opened by a single statement.
    #[error("a single statement cannot open a transaction: use transaction() or begin()")]
    OpensTransaction,
    /// A transaction cannot be ended by a statement in it.
    #[error("a statement cannot end its transaction: use commit() or rollback(); savepoints are fine")]
    EndsTransaction,
    /// The statement failed.
    #[error("{}", in_plain_words(.source))]
    Statement {
        /// What the server said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// Another number of rows than asked for.
    #[error("the statement gave {found} rows where {expected} may be")]
    Rows {
        /// How many it gave.
        found: usize,
        /// How many may be.
        expected: &'static str,
    },
    /// Nothing was committed, because a statement of the transaction had failed.
    #[error("the transaction was rolled back and not committed, because a statement in it had failed")]
    Aborted,
    /// The transaction is over, and somebody still has its [`Statements`](crate::Statements).
    #[error("this transaction is over: its closure has ended")]
    Ended,
    /// Nothing was committed, because somebody has the transaction's statements beyond its closure.
    #[error(
        "the transaction was rolled back and not committed, because its closure has ended and somebody still has its \
         statements: do not give them away"
    )]
    GivenAway,
    /// Nothing was committed, because a statement's future was dropped or lost its connection.
    #[error(
        "the transaction was not committed, because nobody waited for the end of a statement in it: \
         how it ended is not known"
    )]
    Interrupted,
}

impl Error {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Credentials { source } => source.class(),
            Self::Connect { source } => source.class(),
            Self::Silent { .. } | Self::Exhausted { .. } | Self::Closed => Class::Unavailable,
            Self::Bind { source } | Self::Context { source } | Self::Statement { source } => class_of(source),
            Self::TooManyWaiting { .. } => Class::Quota,
            Self::Sign { .. }
            | Self::OpensTransaction
            | Self::EndsTransaction
            | Self::Rows { .. }
            | Self::Ended
            | Self::GivenAway => Class::Caller,
            Self::NotIsolated | Self::OtherKind { .. } | Self::NoUnits => Class::Caller,
            Self::Aborted | Self::Interrupted => Class::Conflict,
        }
    }

    /// The SQLSTATE, if the server gave one.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Bind { source } | Self::Context { source } | Self::Statement { source } => {
                source.code().map(tokio_postgres::error::SqlState::code)
            }
            _ => None,
        }
    }
}
