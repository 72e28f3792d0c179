//! The way to one tenant's rows.

use std::sync::Arc;

use tenantry_model::TenantKey;
use tenantry_pg::tokio_postgres::Row;

use crate::connection::{Params, Who};
use crate::error::Error;
use crate::lease::Lease;
use crate::{Statements, TenantPool, TenantTransaction, TransactionOptions, text};

/// A tenant of a pool. Everything done with it is done as this tenant. It holds no connection; cheap to clone.
#[derive(Clone)]
pub struct TenantHandle {
    pool: TenantPool,
    who: Arc<Who>,
}

impl std::fmt::Debug for TenantHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TenantHandle").field("tenant", self.tenant()).field("unit", &self.business_unit()).finish()
    }
}

impl TenantHandle {
    pub(crate) fn new(pool: TenantPool, who: Who) -> Self {
        Self { pool, who: Arc::new(who) }
    }

    /// The same tenant, seen by one of its business units.
    pub fn within_unit(&self, unit: &TenantKey) -> Self {
        Self::new(self.pool.clone(), Who { tenant: self.who.tenant.clone(), unit: Some(unit.clone()) })
    }

    /// The tenant.
    pub fn tenant(&self) -> &TenantKey {
        &self.who.tenant
    }

    /// The business unit, if it is not the whole tenant.
    pub fn business_unit(&self) -> Option<&TenantKey> {
        self.who.unit.as_ref()
    }

    /// The pool it came from.
    pub fn pool(&self) -> &TenantPool {
        &self.pool
    }

    /// Whether both mean the same tenant and business unit.
    pub fn is_same_tenant(&self, other: &Self) -> bool {
        self.who == other.who
    }

    /// Runs work in a transaction: committed if it gives `Ok`, rolled back if it gives `Err` or is dropped.
    ///
    /// ```no_run
    /// # async fn example(acme: tenantry_client::TenantHandle) -> Result<(), tenantry_client::Error> {
    /// let open: i64 = acme
    ///     .transaction(|tx| async move {
    ///         tx.execute("UPDATE task SET done = true WHERE id = $1", &[&7_i64]).await?;
    ///         let row = tx.query_one("SELECT count(*) FROM task WHERE NOT done", &[]).await?;
    ///         Ok::<_, tenantry_client::Error>(row.get(0))
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn transaction<T, E, F>(&self, work: impl FnOnce(Statements) -> F) -> Result<T, E>
    where
        E: From<Error>,
        F: Future<Output = Result<T, E>>,
    {
        self.transaction_with(TransactionOptions::new(), work).await
    }

    /// The same for a transaction that begins otherwise.
    pub async fn transaction_with<T, E, F>(
        &self,
        options: TransactionOptions,
        work: impl FnOnce(Statements) -> F,
    ) -> Result<T, E>
    where
        E: From<Error>,
        F: Future<Output = Result<T, E>>,
    {
        self.begin_with(options).await?.run(work).await
    }

    /// Opens a transaction.
    pub async fn begin(&self) -> Result<TenantTransaction, Error> {
        self.begin_with(TransactionOptions::new()).await
    }

    /// Opens a transaction that begins otherwise.
    pub async fn begin_with(&self, options: TransactionOptions) -> Result<TenantTransaction, Error> {
        let lease = Lease::take(&self.pool.shared, &self.who, Some(&options.begin())).await?;
        Ok(TenantTransaction::new(self.clone(), lease))
    }

    /// Rows of a single statement. It is prepared once per connection.
    pub async fn query(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        self.lease(sql).await?.query(sql, params).await
    }

    /// The row of a single statement that gives exactly one.
    pub async fn query_one(&self, sql: &str, params: Params<'_>) -> Result<Row, Error> {
        one(self.query(sql, params).await?)
    }

    /// The row of a single statement that gives one or none.
    pub async fn query_opt(&self, sql: &str, params: Params<'_>) -> Result<Option<Row>, Error> {
        zero_or_one(self.query(sql, params).await?)
    }

    /// How many rows a single statement changed.
    pub async fn execute(&self, sql: &str, params: Params<'_>) -> Result<u64, Error> {
        self.lease(sql).await?.execute(sql, params).await
    }

    async fn lease(&self, sql: &str) -> Result<Lease, Error> {
        if text::opens_transaction(sql) {
            return Err(Error::OpensTransaction);
        }
        Lease::take(&self.pool.shared, &self.who, None).await
    }
}

pub(crate) fn one(mut rows: Vec<Row>) -> Result<Row, Error> {
    match (rows.pop(), rows.len()) {
        (Some(row), 0) => Ok(row),
        (last, rest) => Err(Error::Rows { found: rest + usize::from(last.is_some()), expected: "one" }),
    }
}

pub(crate) fn zero_or_one(rows: Vec<Row>) -> Result<Option<Row>, Error> {
    match rows.len() {
        0 => Ok(None),
        1 => one(rows).map(Some),
        found => Err(Error::Rows { found, expected: "one or none" }),
    }
}
