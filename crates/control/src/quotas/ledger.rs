//! The application's database, where limits are held and use is counted.
//!
//! The login is a member of `{database}_quota` and nothing else: it may call the functions of quotas, and neither reads
//! a row of the application nor makes one. One that may do more is refused, so that nobody puts the owner here and
//! has the control plane hold the keys of the whole application.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, Object, Pool, RecycleError, RecycleResult};
use futures::FutureExt;
use tenantry_pg::tokio_postgres::types::ToSql;
use tenantry_pg::tokio_postgres::{self, Row, error::SqlState};
use tenantry_pg::{Client, ConnectError, Session, Target, connect_with, in_plain_words};

use crate::db::Sql;
use crate::error::{Code, Error};

/// Longest wait for a connection, also for a new one.
const WAIT_MAX: Duration = Duration::from_secs(3);
/// How long a database that did not answer is left alone by requests that can do without.
const LEFT_ALONE: Duration = Duration::from_secs(5);

/// What the login may be: a member of one group, with no power over the server.
const POWER: &str = "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication
     FROM pg_catalog.pg_roles WHERE rolname = current_user";

/// The application's database.
#[derive(Clone)]
pub(crate) struct Ledger(Arc<Inner>);

struct Inner {
    pool: Pool<Manager>,
    away: Mutex<Option<Instant>>,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("pool", &self.0.pool.status()).finish_non_exhaustive()
    }
}

impl Ledger {
    /// A pool of connections to it. Nothing is connected yet.
    pub(crate) fn new(target: Target, connections: usize) -> Result<Self, Error> {
        let pool = Pool::builder(Manager { target })
            .max_size(connections)
            .wait_timeout(Some(WAIT_MAX))
            .create_timeout(Some(WAIT_MAX))
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|e| Error::bug("make the pool of the application's database").because(e))?;
        Ok(Self(Arc::new(Inner { pool, away: Mutex::new(None) })))
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&self) -> Result<AppTx, Error> {
        let client = match self.0.pool.get().await {
            Ok(client) => client,
            Err(error) => {
                *self.0.away.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                return Err(unconnected(error));
            }
        };
        *self.0.away.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let tx = AppTx { client, open: true };
        tx.client.batch_execute("BEGIN").await.map_err(|e| failed("begin", &e))?;
        Ok(tx)
    }

    /// Whether it did not answer a short while ago: who can do without it does.
    pub(crate) fn is_away(&self) -> bool {
        let away = *self.0.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.is_some_and(|since| since.elapsed() < LEFT_ALONE)
    }
}

/// A transaction in the application's database. Dropping it takes everything back.
pub(crate) struct AppTx {
    client: Object<Manager>,
    open: bool,
}

impl fmt::Debug for AppTx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppTx").field("open", &self.open).finish_non_exhaustive()
    }
}

impl Drop for AppTx {
    fn drop(&mut self) {
        if self.open {
            // polled once, so that it is on its way; the connection's next statement comes after it
            let _ = self.client.batch_execute("ROLLBACK").now_or_never();
        }
    }
}

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

impl AppTx {
    /// All rows.
    pub(crate) async fn query(&self, sql: &Sql, params: Params<'_>) -> Result<Vec<Row>, Error> {
        self.client.query(sql.text, params).await.map_err(|e| failed(sql.doing, &e))
    }

    /// Exactly one row.
    pub(crate) async fn query_one(&self, sql: &Sql, params: Params<'_>) -> Result<Row, Error> {
        self.client.query_one(sql.text, params).await.map_err(|e| failed(sql.doing, &e))
    }

    /// Whatever comes of it.
    pub(crate) async fn execute(&self, sql: &Sql, params: Params<'_>) -> Result<(), Error> {
        self.client.execute(sql.text, params).await.map(drop).map_err(|e| failed(sql.doing, &e))
    }

    /// Makes it last.
    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        // whatever comes of it, nothing is open afterwards
        self.open = false;
        self.client.batch_execute("COMMIT").await.map_err(|e| failed("commit", &e))
    }
}

fn unconnected(error: managed::PoolError<Unfit>) -> Error {
    let away = || Error::new(Code::Unavailable, "the application's database does not answer now: try again");
    match error {
        managed::PoolError::Backend(Unfit::TooMuch) => Error::new(
            Code::Unavailable,
            "the control plane does not enter the application's database as a login that may do more than set quotas",
        )
        .because(Unfit::TooMuch),
        managed::PoolError::Backend(cause) => away().because(cause),
        other => away().because(other),
    }
}

fn failed(doing: &'static str, error: &tokio_postgres::Error) -> Error {
    let plain = in_plain_words(error);
    let (code, detail) = match error.code() {
        Some(&SqlState::CONFIGURATION_LIMIT_EXCEEDED) => (Code::QuotaExceeded, "the quota is used up"),
        Some(&SqlState::INVALID_PARAMETER_VALUE) => (Code::Invalid, "the application's database refuses this value"),
        Some(&SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE) => {
            (Code::Unavailable, "the resource is not counted yet: wait until `tenantry apply` is done")
        }
        Some(
            &SqlState::LOCK_NOT_AVAILABLE | &SqlState::T_R_DEADLOCK_DETECTED | &SqlState::T_R_SERIALIZATION_FAILURE,
        ) => (Code::Busy, "this quota is being changed or counted now: try again"),
        Some(&SqlState::UNDEFINED_FUNCTION | &SqlState::INVALID_SCHEMA_NAME | &SqlState::UNDEFINED_TABLE) => (
            Code::Unavailable,
            "the application's database counts no resources by UUID: declare [resources] and run `tenantry apply`",
        ),
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => (
            Code::Unavailable,
            "the login in `application_url` of [control] may not set quotas: GRANT it the role {database}_quota",
        ),
        _ => match tenantry_pg::class_of(error) {
            tenantry_model::Class::Unavailable => {
                (Code::Unavailable, "the application's database does not answer now: try again")
            }
            _ => (Code::Internal, "the control plane could not do this"),
        },
    };
    Error::new(code, detail).because_text(format!("cannot {doing} in the application's database: {plain}"))
}

/// Why no connection of the pool can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    /// There is none.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The first question failed.
    #[error("cannot ask what the login may do")]
    Ask(#[source] tokio_postgres::Error),
    /// It may do more than it should.
    #[error(
        "the login in `application_url` of [control] is a superuser, passes row-level security or makes roles: \
         make one that is a member of {{database}}_quota alone"
    )]
    TooMuch,
}

/// Makes connections for the pool.
struct Manager {
    target: Target,
}

impl managed::Manager for Manager {
    type Type = Client;
    type Error = Unfit;

    async fn create(&self) -> Result<Client, Unfit> {
        let session = Session::tool()
            .with("statement_timeout", "10s")
            .with("lock_timeout", "3s")
            .with("idle_in_transaction_session_timeout", "30s");
        let client = connect_with(&self.target, &session).await?;
        if client.query_one(POWER, &[]).await.map_err(Unfit::Ask)?.get(0) {
            return Err(Unfit::TooMuch);
        }
        Ok(client)
    }

    async fn recycle(&self, client: &mut Client, _: &Metrics) -> RecycleResult<Unfit> {
        if client.is_closed() { Err(RecycleError::message("the connection is closed")) } else { Ok(()) }
    }
}
