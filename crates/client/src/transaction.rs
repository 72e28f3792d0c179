//! A transaction of one tenant.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use tenantry_model::TenantKey;
use tenantry_pg::tokio_postgres::Row;

use crate::connection::Params;
use crate::error::Error;
use crate::handle::{one, zero_or_one};
use crate::lease::Lease;
use crate::{TenantHandle, text};

/// An open transaction. Dropped, it is rolled back; dropped while a statement runs, that is cancelled and the
/// connection closed.
#[derive(Debug)]
pub struct TenantTransaction(Statements);

/// What can be done in an open transaction. Statements take `&self`, so that some can be sent before the first was
/// answered. Savepoints are statements.
pub struct Statements {
    handle: TenantHandle,
    lease: Arc<Lease>,
}

impl fmt::Debug for Statements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statements").field("tenant", self.tenant()).finish_non_exhaustive()
    }
}

impl Deref for TenantTransaction {
    type Target = Statements;
    fn deref(&self) -> &Statements {
        &self.0
    }
}

impl TenantTransaction {
    pub(crate) fn new(handle: TenantHandle, lease: Lease) -> Self {
        Self(Statements { handle, lease: Arc::new(lease) })
    }

    /// Commits. An error means that nothing was committed, but for one: if the connection broke in between, it is
    /// not known.
    pub async fn commit(self) -> Result<(), Error> {
        self.0.lease.commit().await
    }

    /// Rolls back, and waits for it; dropping does the same without waiting.
    pub async fn rollback(self) -> Result<(), Error> {
        self.0.lease.roll_back().await
    }

    /// Lets a closure work in it, and ends it as the closure does.
    pub(crate) async fn run<T, E, F>(self, work: impl FnOnce(Statements) -> F) -> Result<T, E>
    where
        E: From<Error>,
        F: Future<Output = Result<T, E>>,
    {
        let lease = Arc::clone(&self.0.lease);
        match work(self.0).await {
            Ok(value) if Arc::strong_count(&lease) == 1 => {
                lease.commit().await?;
                Ok(value)
            }
            Ok(_) => {
                lease.roll_back().await?;
                Err(Error::GivenAway.into())
            }
            Err(error) => {
                if let Err(also) = lease.roll_back().await {
                    // its connection is closed, and the work's own error is what the caller asked for
                    tracing::debug!("a transaction could not be rolled back: {also}");
                }
                Err(error)
            }
        }
    }
}

impl Statements {
    /// Whose it is.
    pub fn tenant(&self) -> &TenantKey {
        self.handle.tenant()
    }

    /// Rows of a statement. It is prepared once per connection.
    pub async fn query(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        self.lease.query(inside(sql)?, params).await
    }

    /// The row of a statement that gives exactly one.
    pub async fn query_one(&self, sql: &str, params: Params<'_>) -> Result<Row, Error> {
        one(self.query(sql, params).await?)
    }

    /// The row of a statement that gives one or none.
    pub async fn query_opt(&self, sql: &str, params: Params<'_>) -> Result<Option<Row>, Error> {
        zero_or_one(self.query(sql, params).await?)
    }

    /// How many rows a statement changed.
    pub async fn execute(&self, sql: &str, params: Params<'_>) -> Result<u64, Error> {
        self.lease.execute(inside(sql)?, params).await
    }

    /// Statements without parameters, one after the other: a savepoint, `SET LOCAL`, `SET CONSTRAINTS`.
    pub async fn batch_execute(&self, sql: &str) -> Result<(), Error> {
        self.lease.batch(inside(sql)?).await
    }
}

fn inside(sql: &str) -> Result<&str, Error> {
    if text::ends_transaction(sql) { Err(Error::EndsTransaction) } else { Ok(sql) }
}
