//! The control plane's own database: one pool, and transactions that know for whom they are.
//!
//! A connection is never handed out, only a [`Tx`]: it begins with its scope, and whatever is left open is rolled
//! back before anybody else gets the connection. SQL stands in [`Sql`] constants beside the functions that run it;
//! a test prepares each of them against a migrated database.

pub(crate) mod migrate;

use std::fmt;
use std::time::Duration;

use deadpool::managed::{self, Metrics, Object, Pool, RecycleError, RecycleResult};
use futures::FutureExt;
use tenantry_model::{Ident, literal};
use tenantry_pg::tokio_postgres::types::ToSql;
use tenantry_pg::tokio_postgres::{Row, error::SqlState};
use tenantry_pg::{Client, ConnectError, Session, Target, connect_with};

use crate::error::{Code, Error};
use crate::ids::TenantId;

/// Longest wait for a connection of the pool.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Connections, unless the settings say otherwise.
pub const CONNECTIONS_DEFAULT: usize = 10;

/// One statement, and what it is for in the words of an error message.
#[derive(Debug)]
pub struct Sql {
    /// What it does: "read the tenant".
    pub doing: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// The statements of one store: constants, and the list of all of them for the test that prepares them.
macro_rules! statements {
    ($($name:ident: $doing:literal = $text:expr;)*) => {
        $(const $name: $crate::db::Sql = $crate::db::Sql { doing: $doing, text: $text };)*
        /// Every statement of this store.
        pub(crate) const STATEMENTS: &[&$crate::db::Sql] = &[$(&$name),*];
    };
}
pub(crate) use statements;

/// What a transaction may see and write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// One tenant, with those below it.
    Tenant(TenantId),
    /// The platform.
    Platform,
}

/// The pool.
#[derive(Clone)]
pub(crate) struct Db {
    pool: Pool<Manager>,
    operator: Ident,
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db").field("pool", &self.pool.status()).finish()
    }
}

impl Db {
    /// A pool of connections to this database, which is migrated already. Nothing is connected yet.
    pub(crate) fn new(target: Target, operator: Ident, connections: usize) -> Result<Self, Error> {
        let pool = Pool::builder(Manager { target })
            .max_size(connections)
            .wait_timeout(Some(WAIT_MAX))
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|e| Error::bug("make the pool").because(e))?;
        Ok(Self { pool, operator })
    }

    /// Begins to read.
    pub(crate) async fn read(&self, scope: Scope, actor: &str) -> Result<Tx, Error> {
        self.begin("BEGIN READ ONLY", scope, actor).await
    }

    /// Begins to write; for `change.rs` alone.
    pub(crate) async fn write(&self, scope: Scope, actor: &str) -> Result<Tx, Error> {
        self.begin("BEGIN", scope, actor).await
    }

    async fn begin(&self, begin: &str, scope: Scope, actor: &str) -> Result<Tx, Error> {
        let client = self.pool.get().await.map_err(|e| {
            let error = Error::new(Code::Unavailable, "the control plane's database does not answer now");
            match e {
                managed::PoolError::Backend(cause) => error.because(cause),
                other => error.because(other),
            }
        })?;
        let tx = Tx { client, open: true };
        let (role, tenant) = match scope {
            Scope::Tenant(tenant) => (String::new(), tenant.to_string()),
            Scope::Platform => (format!("; SET LOCAL ROLE {}", self.operator.quoted()), String::new()),
        };
        // one round trip; the values are ours or quoted
        let sql = format!(
            "{begin}{role}; SELECT pg_catalog.set_config('tenantry_control.tenant', {}, true), \
             pg_catalog.set_config('tenantry_control.actor', {}, true)",
            literal(&tenant),
            literal(actor)
        );
        tx.client.batch_execute(&sql).await.map_err(|e| failed("begin", e))?;
        Ok(tx)
    }

    /// Connections made, and those that wait for work.
    pub(crate) fn connections(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size, status.available)
    }
}

/// A transaction with its scope. Dropping it takes everything back.
pub(crate) struct Tx {
    client: Object<Manager>,
    open: bool,
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").field("open", &self.open).finish_non_exhaustive()
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if self.open {
            // polled once, so that it is on its way; the connection's next statement comes after it
            let _ = self.client.batch_execute("ROLLBACK").now_or_never();
        }
    }
}

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Tx {
    /// All rows.
    pub(crate) async fn query(&self, sql: &Sql, params: Params<'_>) -> Result<Vec<Row>, Error> {
        self.client.query(sql.text, params).await.map_err(|e| failed(sql.doing, e))
    }

    /// One row or none.
    pub(crate) async fn query_opt(&self, sql: &Sql, params: Params<'_>) -> Result<Option<Row>, Error> {
        self.client.query_opt(sql.text, params).await.map_err(|e| failed(sql.doing, e))
    }

    /// Exactly one row.
    pub(crate) async fn query_one(&self, sql: &Sql, params: Params<'_>) -> Result<Row, Error> {
        self.client.query_one(sql.text, params).await.map_err(|e| failed(sql.doing, e))
    }

    /// How many rows it changed.
    pub(crate) async fn execute(&self, sql: &Sql, params: Params<'_>) -> Result<u64, Error> {
        self.client.execute(sql.text, params).await.map_err(|e| failed(sql.doing, e))
    }

    /// Makes it last.
    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        // whatever comes of it, nothing is open afterwards
        self.open = false;
        let done = self.client.batch_execute("COMMIT").await;
        done.map_err(|e| failed("commit", e))
    }
}

fn failed(doing: &'static str, error: tenantry_pg::tokio_postgres::Error) -> Error {
    let code = match error.code() {
        Some(&SqlState::UNIQUE_VIOLATION) => Code::Duplicate,
        // what PostgreSQL cannot keep: a NUL in a text, a time beyond its calendar
        Some(
            &SqlState::CHARACTER_NOT_IN_REPERTOIRE
            | &SqlState::UNTRANSLATABLE_CHARACTER
            | &SqlState::DATETIME_FIELD_OVERFLOW,
        ) => Code::Invalid,
        Some(&SqlState::LOCK_NOT_AVAILABLE | &SqlState::T_R_DEADLOCK_DETECTED) => Code::Busy,
        _ => match tenantry_pg::class_of(&error) {
            tenantry_model::Class::Unavailable => Code::Unavailable,
            _ => Code::Internal,
        },
    };
    let constraint = error.as_db_error().and_then(|e| e.constraint()).map(str::to_owned);
    let detail = match code {
        Code::Duplicate => "something of this name is there already",
        Code::Invalid => "a text holds a NUL, or a time lies beyond what can be kept: give another",
        Code::Busy => "somebody else changes the same thing now: try again",
        Code::Unavailable => "the control plane's database does not answer now: try again",
        _ => "the control plane could not do this",
    };
    let mut failed =
        Error::new(code, detail).because_text(format!("cannot {doing}: {}", tenantry_pg::in_plain_words(&error)));
    failed.constraint = constraint;
    failed
}

/// Makes connections for the pool.
struct Manager {
    target: Target,
}

impl managed::Manager for Manager {
    type Type = Client;
    type Error = ConnectError;

    async fn create(&self) -> Result<Client, ConnectError> {
        let session = Session::tool()
            .with("statement_timeout", "15s")
            .with("lock_timeout", "3s")
            .with("idle_in_transaction_session_timeout", "30s");
        connect_with(&self.target, &session).await
    }

    async fn recycle(&self, client: &mut Client, _: &Metrics) -> RecycleResult<ConnectError> {
        // settings are local to transactions, and nobody gets the connection without one: nothing is to be cleaned
        if client.is_closed() { Err(RecycleError::message("the connection is closed")) } else { Ok(()) }
    }
}
