//! A connection of the application under one of its own logins, with and without a tenant.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use tenantry_model::{TenantKey, literal};
use tenantry_pg::tokio_postgres::SimpleQueryMessage;
use tenantry_pg::{Client, Target};

use super::outcome::Stop;
use super::request::Limits;
use super::{Error, logins::Signer};

/// How a statement travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// One `Query` message.
    Simple,
    /// `Parse`, `Bind`, `Execute`.
    Extended,
}

/// Both ways.
pub(crate) const WIRES: [Wire; 2] = [Wire::Simple, Wire::Extended];

/// What the server said to a statement of an attack.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// It was carried out: rows returned or changed, and the first value of the first row (simple form only).
    Done {
        /// Rows returned or changed.
        rows: u64,
        /// First value of the first row. May be a customer's: never put it into evidence.
        first: Option<String>,
    },
    /// It was refused.
    Refused {
        /// SQLSTATE.
        code: String,
        /// The message. May hold a customer's value: never put it into evidence.
        message: String,
        /// The hint.
        hint: String,
        /// It names a constraint or a column: not the word of a trigger, nor of a missing partition.
        named: bool,
    },
}

impl Answer {
    /// Refused for want of a right, or by a policy, or by the context.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "42501")
    }

    /// Refused by a constraint or by a quota, which are checked after the policy: the policy let it through.
    pub(crate) fn is_constraint(&self) -> bool {
        matches!(self, Self::Refused { code, named, .. } if *named && code.starts_with("23") || code == "53400")
    }

    /// Broken off by a time limit: says nothing either way.
    pub(crate) fn is_timeout(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "57014" || code == "55P03")
    }

    /// Rows returned or changed; 0 if refused.
    pub(crate) fn rows(&self) -> u64 {
        match self {
            Self::Done { rows, .. } => *rows,
            Self::Refused { .. } => 0,
        }
    }

    /// SQLSTATE if refused, `ok` otherwise: safe to show.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Done { .. } => "ok",
            Self::Refused { code, .. } => code,
        }
    }

    fn of(error: tenantry_pg::tokio_postgres::Error) -> Result<Self, Stop> {
        match error.as_db_error() {
            Some(db) if db.severity() != "FATAL" => Ok(Self::Refused {
                code: db.code().code().to_owned(),
                message: db.message().to_owned(),
                hint: db.hint().unwrap_or_default().to_owned(),
                named: db.constraint().is_some() || db.column().is_some(),
            }),
            _ => Err(error.into()),
        }
    }
}

/// What all sessions of a run have in common.
pub(crate) struct Shared {
    /// Who signs.
    pub(crate) signer: Signer,
    /// Statements that ran into a time limit, and so prove nothing.
    pub(crate) unanswered: AtomicU32,
}

/// One connection.
pub(crate) struct Session {
    client: Client,
    /// The login it runs under.
    pub login: String,
    shared: Arc<Shared>,
    number: AtomicI64,
    counter: AtomicI64,
}

impl Session {
    /// Connects with the login's own settings plus the limits of this run, and binds the session.
    pub(crate) async fn open(target: &Target, shared: Arc<Shared>, limits: &Limits) -> Result<Self, Error> {
        let plain = tenantry_pg::Session::plain()
            .with("search_path", "pg_catalog")
            .with("jit", "off")
            .with("statement_timeout", &format!("{}ms", limits.statement.as_millis()))
            .with("lock_timeout", &format!("{}ms", limits.lock.as_millis()))
            .with("idle_in_transaction_session_timeout", &format!("{}ms", 3 * limits.statement.as_millis()));
        let client = tenantry_pg::connect_with(target, &plain)
            .await
            .map_err(|source| Error::Connect { who: format!("runtime login `{}`", target.user()), source })?;
        let session = Self {
            client,
            login: target.user().to_owned(),
            shared,
            number: AtomicI64::new(0),
            counter: AtomicI64::new(0),
        };
        session.bind().await.map_err(Error::sql(format!("bind the session of `{}`", session.login)))?;
        Ok(session)
    }

    /// Gets a session number, to which every token of this session is bound.
    pub(crate) async fn bind(&self) -> Result<(), tenantry_pg::tokio_postgres::Error> {
        let row = self.client.query_one("SELECT tenantry.bind_session()", &[]).await?;
        self.number.store(row.get(0), Ordering::Relaxed);
        self.counter.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// True if the connection is gone, or no longer in step with the server.
    pub(crate) fn is_lost(&self) -> bool {
        self.client.is_closed()
    }

    /// Closes the connection and waits until it is gone.
    pub(crate) async fn close(self) {
        self.client.close().await;
    }

    /// The number every token of this session is bound to.
    pub(crate) fn bound_number(&self) -> i64 {
        self.number.load(Ordering::Relaxed)
    }

    /// The driver's client, for what the helpers do not cover.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The statement that enters a tenant on this session, once.
    pub(crate) fn enter_sql(&self, tenant: &TenantKey) -> String {
        let counter = self.counter.fetch_add(1, Ordering::Relaxed) + 1;
        self.shared.signer.enter_sql(tenant, self.number.load(Ordering::Relaxed), counter)
    }

    /// The statement that holds a tenant on this session, once.
    pub(crate) fn hold_sql(&self, tenant: &TenantKey) -> String {
        let counter = self.counter.fetch_add(1, Ordering::Relaxed) + 1;
        self.shared.signer.hold_sql(tenant, self.number.load(Ordering::Relaxed), counter)
    }

    /// The token of [`hold_sql`](Self::hold_sql) itself.
    pub(crate) fn held_token(&self, tenant: &TenantKey) -> String {
        let counter = self.counter.fetch_add(1, Ordering::Relaxed) + 1;
        self.shared.signer.held_token(tenant, self.number.load(Ordering::Relaxed), counter)
    }

    /// The token of [`enter_sql`](Self::enter_sql) itself.
    pub(crate) fn token(&self, tenant: &TenantKey) -> String {
        let counter = self.counter.fetch_add(1, Ordering::Relaxed) + 1;
        self.shared.signer.token(tenant, self.number.load(Ordering::Relaxed), counter)
    }

    /// Begins a transaction, as a tenant or as nobody. It must be ended with [`end`](Self::end).
    pub(crate) async fn begin(&self, tenant: Option<&TenantKey>) -> Result<(), Stop> {
        // Whatever an attack that broke off left open is rolled back first; without a transaction this is a warning.
        self.client.batch_execute("ROLLBACK").await?;
        self.client.batch_execute("BEGIN").await?;
        if let Some(tenant) = tenant {
            self.enter(tenant).await?;
        }
        Ok(())
    }

    /// Enters a tenant inside the transaction.
    pub(crate) async fn enter(&self, tenant: &TenantKey) -> Result<(), Stop> {
        self.client.batch_execute(&self.enter_sql(tenant)).await?;
        Ok(())
    }

    /// Enters one unit of a tenant inside the transaction.
    pub(crate) async fn enter_unit(&self, tenant: &TenantKey, unit: &TenantKey) -> Result<(), Stop> {
        let counter = self.counter.fetch_add(1, Ordering::Relaxed) + 1;
        let number = self.number.load(Ordering::Relaxed);
        let sql = self.shared.signer.enter_unit_sql(tenant, unit, number, counter);
        self.client.batch_execute(&sql).await?;
        Ok(())
    }

    /// Rolls back.
    pub(crate) async fn end(&self) -> Result<(), Stop> {
        self.client.batch_execute("ROLLBACK").await?;
        Ok(())
    }

    /// Sends one statement (or several, in the simple form) as it is.
    pub(crate) async fn say(&self, sql: &str, wire: Wire) -> Result<Answer, Stop> {
        let answer = match wire {
            Wire::Simple => match self.client.simple_query(sql).await {
                Ok(messages) => done(&messages),
                Err(error) => Answer::of(error)?,
            },
            Wire::Extended => match self.client.execute(sql, &[]).await {
                Ok(rows) => Answer::Done { rows, first: None },
                Err(error) => Answer::of(error)?,
            },
        };
        if answer.is_timeout() {
            self.shared.unanswered.fetch_add(1, Ordering::Relaxed);
        }
        Ok(answer)
    }

    /// Sends one statement inside a savepoint of the open transaction and undoes it at once, so that the next
    /// attempt finds everything as it was.
    pub(crate) async fn attempt(&self, sql: &str, wire: Wire) -> Result<Answer, Stop> {
        self.client.batch_execute("SAVEPOINT attempt").await?;
        let answer = self.say(sql, wire).await?;
        self.client.batch_execute("ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt").await?;
        Ok(answer)
    }

    /// Attempts and then looks, still inside the savepoint, through another tenant's eyes.
    pub(crate) async fn attempt_then(
        &self,
        sql: &str,
        wire: Wire,
        tenant: &TenantKey,
        look: &str,
    ) -> Result<(Answer, Option<Answer>), Stop> {
        self.client.batch_execute("SAVEPOINT attempt").await?;
        let answer = self.say(sql, wire).await?;
        let seen = if matches!(answer, Answer::Done { .. }) {
            self.enter(tenant).await?;
            Some(self.say(look, Wire::Simple).await?)
        } else {
            None
        };
        self.client.batch_execute("ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt").await?;
        Ok((answer, seen))
    }

    /// One number from the database, for facts of our own.
    pub(crate) async fn number(&self, sql: &str) -> Result<i64, Stop> {
        Ok(self.client.query_one(sql, &[]).await?.get(0))
    }
}

fn done(messages: &[SimpleQueryMessage]) -> Answer {
    let (mut rows, mut first) = (0, None);
    for message in messages {
        match message {
            SimpleQueryMessage::Row(row) if first.is_none() && !row.is_empty() => {
                first = row.get(0).map(str::to_owned);
            }
            SimpleQueryMessage::CommandComplete(n) => rows = *n,
            _ => {}
        }
    }
    Answer::Done { rows, first }
}

/// A tenant's key as it stands in SQL: the server gives it the column's type.
pub(crate) fn key(tenant: &TenantKey) -> String {
    literal(&tenant.to_string())
}
