//! One connection of the pool: bound once, then given to one tenant after the other.
//!
//! The context is held (`tenantry.hold`, see `tenantry_model::token`): it stays until another tenant comes, so a
//! tenant that gets its connection again pays nothing. `hold` forgets the former tenant and cleans what it left:
//! settings, cursors, advisory locks, prepared statements of SQL. What it cannot clean (a role, temporary objects,
//! `default_transaction_read_only`) it refuses, and the connection is closed.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tenantry_model::TenantKey;
use tenantry_model::token::{ContextKey, SessionClaims, TokenError, TypedToken};
use tenantry_pg::tokio_postgres::error::SqlState;
use tenantry_pg::tokio_postgres::types::{ToSql, Type};
use tenantry_pg::tokio_postgres::{self, Row, Statement};
use tenantry_pg::{Client, Session, Target, connect_with};

use crate::error::Error;
use crate::text;

/// How long a signed context may take to reach the server, in seconds. It is checked once, on arrival.
const ARRIVES_WITHIN_SECONDS: i64 = 30;
/// Prepared statements kept on a connection.
const STATEMENTS_MAX: usize = 100;
/// Longer statements are prepared each time.
const STATEMENT_BYTES_MAX: usize = 8 * 1024;

/// Whose a connection is: a tenant, or a business unit of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Who {
    pub(crate) tenant: TenantKey,
    pub(crate) unit: Option<TenantKey>,
}

/// Parameters of a statement.
pub(crate) type Params<'p> = &'p [&'p (dyn ToSql + Sync)];

pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) slot: usize,
    pub(crate) made_at: Instant,
    session_no: i64,
    counter: i64,
    held: Option<Who>,
    /// A statement may have taken the context away, or refused to work without one.
    forgot: AtomicBool,
    /// Prepared statements are gone: ours, or those by which the driver looks types up, which it keeps for good.
    doomed: AtomicBool,
    statements: Mutex<Vec<(Box<str>, Statement)>>,
}

impl Connection {
    /// Connects and binds.
    pub(crate) async fn open(target: &Target, slot: usize) -> Result<Self, Error> {
        let client = connect_with(target, &Session::plain()).await.map_err(|source| Error::Connect { source })?;
        let bound = client.query_typed("SELECT tenantry.bind_session()", &[]).await;
        let rows = bound.map_err(|source| Error::Bind { source })?;
        let row = rows.first().ok_or(Error::Rows { found: 0, expected: "one" })?;
        let session_no = row.try_get(0).map_err(|source| Error::Bind { source })?;
        Ok(Self {
            client,
            slot,
            made_at: Instant::now(),
            session_no,
            counter: 0,
            held: None,
            forgot: AtomicBool::new(false),
            doomed: AtomicBool::new(false),
            statements: Mutex::default(),
        })
    }

    /// Whether it may be used again.
    pub(crate) fn is_good(&self) -> bool {
        !self.client.is_closed() && !self.doomed.load(Ordering::Relaxed)
    }

    /// Whether it is known to be this one's.
    pub(crate) fn is_held_by(&self, who: &Who) -> bool {
        !self.forgot.load(Ordering::Relaxed) && self.held.as_ref() == Some(who)
    }

    /// Gives it to a tenant, if it is not this tenant's already, and opens a transaction if told to. Both go out at
    /// once: if the context is refused, the connection must be closed. It is nobody's then.
    pub(crate) async fn ready(&mut self, key: &ContextKey, who: &Who, begin: Option<&str>) -> Result<(), Error> {
        if self.is_held_by(who) {
            return self.begin(begin).await;
        }
        self.held = None;
        self.counter += 1;
        let claims = SessionClaims {
            tenant: who.tenant.clone(),
            scope: who.unit.clone(),
            expires_at: unix_now() + ARRIVES_WITHIN_SECONDS,
            counter: self.counter,
            session_no: self.session_no,
        };
        // before anything is sent
        let token = Token::sign(key, &claims).map_err(|source| Error::Sign { source })?;
        // polled in this order, so sent in this order
        let (held, begun) = futures::join!(self.hold(token), self.begin(begin));
        held?;
        self.held = Some(who.clone());
        self.forgot.store(false, Ordering::Relaxed);
        begun
    }

    async fn begin(&self, sql: Option<&str>) -> Result<(), Error> {
        let Some(sql) = sql else { return Ok(()) };
        self.client.batch_execute(sql).await.map_err(|source| Error::Statement { source })
    }

    /// Takes no transaction for granted, so it is not called within one.
    async fn hold(&self, token: Token) -> Result<(), Error> {
        // the unnamed statement: SQL can replace a named one
        let held = match token {
            Token::Text(token) => self.client.execute_typed("SELECT tenantry.hold($1)", &[(&token, Type::TEXT)]).await,
            Token::Typed(t) => {
                let arguments: [(&(dyn ToSql + Sync), Type); 6] = [
                    (&t.kid, Type::INT2),
                    (&t.hi, Type::INT8),
                    (&t.lo, Type::INT8),
                    (&t.expires_at, Type::INT8),
                    (&t.counter, Type::INT8),
                    (&&t.mac[..], Type::BYTEA),
                ];
                self.client.execute_typed("SELECT tenantry.hold($1, $2, $3, $4, $5, $6)", &arguments).await
            }
        };
        held.map(drop).map_err(|source| Error::Context { source })
    }

    pub(crate) async fn query(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, tokio_postgres::Error> {
        let statement = self.prepared(sql).await?;
        self.judged(sql, self.client.query(&statement, params).await)
    }

    pub(crate) async fn execute(&self, sql: &str, params: Params<'_>) -> Result<u64, tokio_postgres::Error> {
        let statement = self.prepared(sql).await?;
        self.judged(sql, self.client.execute(&statement, params).await)
    }

    pub(crate) async fn batch(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        self.judged(sql, self.client.batch_execute(sql).await)
    }

    async fn prepared(&self, sql: &str) -> Result<Statement, tokio_postgres::Error> {
        let kept = self.kept().iter().find(|(text, _)| &**text == sql).map(|(_, statement)| statement.clone());
        if let Some(statement) = kept {
            return Ok(statement);
        }
        let statement = self.judged(sql, self.client.prepare(sql).await)?;
        if sql.len() <= STATEMENT_BYTES_MAX {
            let mut kept = self.kept();
            if kept.len() >= STATEMENTS_MAX {
                kept.remove(0);
            }
            kept.push((sql.into(), statement.clone()));
        }
        Ok(statement)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<(Box<str>, Statement)>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns from what a statement says and how it ended.
    fn judged<T>(&self, sql: &str, ended: Result<T, tokio_postgres::Error>) -> Result<T, tokio_postgres::Error> {
        if text::may_forget(sql) {
            self.forgot.store(true, Ordering::Relaxed);
        }
        if text::may_deallocate(sql) || ended.as_ref().is_err_and(is_stale) {
            self.kept().clear();
            self.doomed.store(true, Ordering::Relaxed);
        }
        if ended.as_ref().err().and_then(|e| e.as_db_error()).is_some_and(|e| e.message().starts_with("tenantry: ")) {
            self.forgot.store(true, Ordering::Relaxed);
        }
        ended
    }
}

/// A signed context.
enum Token {
    /// For text keys and business units.
    Text(String),
    /// For whole tenants with uuid and number keys.
    Typed(TypedToken),
}

impl Token {
    fn sign(key: &ContextKey, claims: &SessionClaims) -> Result<Self, TokenError> {
        if matches!(claims.tenant, TenantKey::Text(_)) || claims.scope.is_some() {
            key.sign_hold(claims).map(Self::Text)
        } else {
            key.sign_hold_typed(claims).map(Self::Typed)
        }
    }
}

/// A prepared statement is gone, or its table changed under it: the statement did not run.
pub(crate) fn is_stale(error: &tokio_postgres::Error) -> bool {
    let Some(error) = error.as_db_error() else { return false };
    *error.code() == SqlState::INVALID_SQL_STATEMENT_NAME
        || *error.code() == SqlState::FEATURE_NOT_SUPPORTED && error.routine() == Some("RevalidateCachedQuery")
}

/// Whether a failure says for sure where the connection stands: the server answered, or nothing was sent.
pub(crate) fn is_plain(error: &tokio_postgres::Error) -> bool {
    if error.as_db_error().is_some() {
        return true;
    }
    // the driver keeps its kinds to itself; a test pins these texts
    let text = error.to_string();
    text.starts_with("error serializing parameter") || text.starts_with("expected ") && text.contains("parameters")
}

/// Unix time in seconds.
fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
