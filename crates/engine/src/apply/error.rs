//! Why a run did not start, or stopped. Whatever the reason, what was done so far is recorded, and the same command
//! goes on from there.

use std::time::Duration;

use tenantry_blueprint::file::Finding;
use tenantry_model::{Class, Ident, QualifiedName};
use tenantry_pg::{ConnectError, class_of, in_plain_words, tokio_postgres};

use super::event::Command;
use super::sessions::{Session, listed};
use super::state::RunState;
use crate::credentials::CredentialsError;
use crate::inspect;
use crate::inspect::server::{MissingRight, Unfit};
use crate::journal::JournalError;

/// Why a run did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server cannot be worked on.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The blueprint is for another database.
    #[error("the blueprint is for database `{expected}`, but this is `{found}`: run `tenantry plan` here")]
    OtherDatabase {
        /// The blueprint's.
        expected: String,
        /// The connection's.
        found: String,
    },
    /// The blueprint is for another major version.
    #[error(
        "the blueprint is for PostgreSQL {expected}, but the server runs PostgreSQL {found}: run `tenantry plan` again"
    )]
    OtherServer {
        /// The blueprint's.
        expected: u32,
        /// The server's.
        found: u32,
    },
    /// The schema is not the one the blueprint was made for.
    #[error(
        "the schema of database `{database}` is not the one the blueprint was made for: run `tenantry plan` again and review it"
    )]
    SchemaChanged {
        /// The database.
        database: String,
    },
    /// The catalog could not be read.
    #[error(transparent)]
    Inspect(#[from] inspect::Error),
    /// The blueprint has findings that must be settled first.
    #[error("the blueprint is blocked: {}; settle this in tenantry.toml and run `tenantry plan` again", blocked(.findings))]
    Blocked {
        /// They.
        findings: Vec<Finding>,
    },
    /// The blueprint contradicts itself.
    #[error("the blueprint cannot be run: {reason}; run `tenantry plan` again")]
    BadBlueprint {
        /// How.
        reason: String,
    },
    /// Rights are missing.
    #[error("login `{user}` lacks rights this needs: {}", .missing.iter().map(MissingRight::to_string).collect::<Vec<_>>().join("; "))]
    MissingRights {
        /// The login.
        user: String,
        /// What is missing, each with the statement that grants it.
        missing: Vec<MissingRight>,
    },
    /// A role or index that a step makes is there already, and is not ours.
    #[error("{what} exists already and is not tenantry's: rename or drop it, then run the command again")]
    NameTaken {
        /// The object.
        what: String,
    },
    /// Another blueprint is under way or done.
    #[error(
        "database `{database}` already stands at another blueprint ({state}): go on with that one, or run `tenantry rollback` first"
    )]
    OtherBlueprint {
        /// The database.
        database: String,
        /// Where it stands.
        state: RunState,
    },
    /// There is nothing to complete or roll back.
    #[error("database `{database}` is not isolated: there is nothing to {}", match .command { Command::Rollback => "roll back", _ => "complete" })]
    NotIsolated {
        /// The database.
        database: String,
        /// The command.
        command: Command,
    },
    /// The command does not fit where the database stands.
    #[error("cannot {} while the database is {state}: run `tenantry {}` first", .command.word(), .first.word())]
    WrongState {
        /// The command.
        command: Command,
        /// Where it stands.
        state: RunState,
        /// What must be run first.
        first: Command,
    },
    /// Another runner is at work.
    #[error("another tenantry is at work on this database: {holder}; wait for it to end, or end that session")]
    Busy {
        /// Who.
        holder: Box<Session>,
    },
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The credentials file cannot be read or written.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// A lock was never free long enough.
    #[error(
        "step {id}: the lock it needs was not free within {} s ({attempts} attempts); in the way: {}; end those transactions or wait, then run the command again",
        .waited.as_secs(), listed(.blockers)
    )]
    Locked {
        /// The step.
        id: String,
        /// How long was tried.
        waited: Duration,
        /// How often.
        attempts: u32,
        /// Who was in the way at the last attempt.
        blockers: Vec<Session>,
    },
    /// A statement of a step failed.
    #[error("step {id}, statement {statement}: {}; set right what it says and run the command again", told(.source))]
    Step {
        /// The step.
        id: String,
        /// The statement's number.
        statement: usize,
        /// What the server said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A step's table is gone.
    #[error("step {id}: table {table} is gone; run `tenantry rollback`, then plan again")]
    TableGone {
        /// The step.
        id: String,
        /// The table.
        table: QualifiedName,
    },
    /// An index stays invalid.
    #[error(
        "step {id}: index {index} stayed invalid after {attempts} attempts; look for long transactions, then run the command again"
    )]
    IndexInvalid {
        /// The step.
        id: String,
        /// The index.
        index: QualifiedName,
        /// How often it was built.
        attempts: u32,
    },
    /// No space is left.
    #[error(
        "step {id}: the server's disk is full ({} done, all of it recorded); make room, then run the command again",
        percent(*.fraction)
    )]
    DiskFull {
        /// The step.
        id: String,
        /// 0 to 1.
        fraction: f64,
        /// What the server said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A replica stays behind.
    #[error("step {id}: a replica stayed {bytes} bytes behind for {} s; let it catch up, then run the command again", .waited.as_secs())]
    ReplicaBehind {
        /// The step.
        id: String,
        /// How far.
        bytes: i64,
        /// How long this was watched.
        waited: Duration,
    },
    /// The server went away.
    #[error("the connection to the server was lost ({}); what was done is recorded: run the command again", in_plain_words(.source))]
    ConnectionLost {
        /// What the driver said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A role that must go is in use.
    #[error(
        "the logins to be dropped are in use: {}; close these sessions, or run `tenantry rollback --disconnect`",
        listed(.sessions)
    )]
    RolesInUse {
        /// By whom.
        sessions: Vec<Session>,
    },
    /// Old logins are still at work, and complete would lock them out.
    #[error(
        "sessions still use logins that lose their rights: {}; switch them to the logins of the credentials file, or run `tenantry complete --lock-out-old-logins`",
        listed(.sessions)
    )]
    OldLoginsInUse {
        /// By whom.
        sessions: Vec<Session>,
    },
    /// A role cannot be dropped.
    #[error(
        "role `{role}` is used outside of what tenantry made: {detail}; revoke or drop that, then run the command again"
    )]
    RoleStillUsed {
        /// The role, or the roles.
        role: Ident,
        /// What the server lists.
        detail: String,
        /// What the server said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The observer asked to stop.
    #[error("stopped; what was done is recorded: run the command again to go on, or `tenantry rollback` to undo it")]
    Stopped,
    /// A statement of the runner's own failed.
    #[error("cannot {what}: {}", in_plain_words(.source))]
    Query {
        /// What it was for.
        what: &'static str,
        /// What the server said.
        #[source]
        source: tokio_postgres::Error,
    },
}

impl Error {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Connect(e) => e.class(),
            Self::Inspect(e) => e.class(),
            Self::Unfit(e) => e.class(),
            Self::Journal(e) => e.class(),
            Self::Credentials(e) => e.class(),
            Self::OtherDatabase { .. }
            | Self::OtherServer { .. }
            | Self::Blocked { .. }
            | Self::BadBlueprint { .. } => Class::Caller,
            Self::MissingRights { .. } => Class::Denied,
            Self::NotIsolated { .. } | Self::TableGone { .. } => Class::Missing,
            Self::SchemaChanged { .. }
            | Self::NameTaken { .. }
            | Self::OtherBlueprint { .. }
            | Self::WrongState { .. }
            | Self::Busy { .. }
            | Self::Locked { .. }
            | Self::IndexInvalid { .. }
            | Self::RolesInUse { .. }
            | Self::OldLoginsInUse { .. }
            | Self::RoleStillUsed { .. }
            | Self::Stopped => Class::Conflict,
            Self::DiskFull { .. } | Self::ReplicaBehind { .. } | Self::ConnectionLost { .. } => Class::Unavailable,
            Self::Step { source, .. } | Self::Query { source, .. } => class_of(source),
        }
    }

    /// For `map_err`: names what one of the runner's own statements was for.
    pub(crate) fn query(what: &'static str) -> impl Fn(tokio_postgres::Error) -> Self {
        move |source| if is_lost(&source) { Self::ConnectionLost { source } } else { Self::Query { what, source } }
    }
}

/// True if the connection itself is gone, by the driver's or the server's word.
pub(crate) fn is_lost(error: &tokio_postgres::Error) -> bool {
    use tokio_postgres::error::SqlState;
    match error.code() {
        Some(code) => [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW].contains(code),
        None => class_of(error) == Class::Unavailable,
    }
}

/// The server's words, and for a dependency also which object depends: that is no row's value.
fn told(error: &tokio_postgres::Error) -> String {
    let detail = error
        .as_db_error()
        .filter(|db| *db.code() == tokio_postgres::error::SqlState::DEPENDENT_OBJECTS_STILL_EXIST)
        .and_then(|db| db.detail());
    match detail {
        None if error.code() == Some(&tokio_postgres::error::SqlState::UNIQUE_VIOLATION) => {
            format!("{}: there are rows with equal values; change or remove one of each", in_plain_words(error))
        }
        Some(detail) => format!("{}: {}", in_plain_words(error), detail.replace('\n', "; ")),
        None => in_plain_words(error),
    }
}

fn blocked(findings: &[Finding]) -> String {
    const SHOWN_MAX: usize = 3;
    let shown: Vec<String> = findings.iter().take(SHOWN_MAX).map(|f| format!("{}: {}", f.object, f.message)).collect();
    match findings.len().checked_sub(SHOWN_MAX) {
        Some(more) if more > 0 => format!("{} and {more} more", shown.join("; ")),
        _ => shown.join("; "),
    }
}

fn percent(fraction: f64) -> String {
    format!("{:.0} %", fraction * 100.0)
}
