//! The same work for many tenants: one after the other or some at once, and whoever fails fails alone.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures::{FutureExt, StreamExt, stream};
use tenantry_model::TenantKey;

use crate::{TenantHandle, TenantPool, switch};

/// How the work for one tenant ended.
#[derive(Debug)]
pub struct Outcome<T, E> {
    /// The tenant.
    pub tenant: TenantKey,
    /// What it gave.
    pub result: Result<T, Failure<E>>,
}

/// Why the work for one tenant failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure<E> {
    /// It said so.
    #[error("the work failed")]
    Failed(#[source] E),
    /// It panicked.
    #[error("the work panicked: {0}")]
    Panicked(String),
}

/// How the work ended for each tenant, in the order they were given.
#[derive(Debug)]
pub struct TenantReport<T, E> {
    /// One for each.
    pub outcomes: Vec<Outcome<T, E>>,
}

impl<T, E> TenantReport<T, E> {
    /// Whether it succeeded for all.
    pub fn is_success(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The tenants it failed for.
    pub fn failures(&self) -> impl Iterator<Item = (&TenantKey, &Failure<E>)> {
        self.outcomes.iter().filter_map(|o| o.result.as_ref().err().map(|failure| (&o.tenant, failure)))
    }
}

/// Runs work for each tenant, for so many at once; never for more than the pool has connections. Inside it the
/// tenant is the task's [`current`](crate::current) one. Failing, or panicking, ends the work of that tenant only.
/// Dropped, all of it stops.
///
/// ```no_run
/// # async fn example(pool: &tenantry_client::TenantPool, tenants: Vec<tenantry_client::TenantKey>) {
/// let report = tenantry_client::for_each_tenant(pool, tenants, 4, |tenant| async move {
///     tenant.execute("DELETE FROM session WHERE expires_at < now()", &[]).await
/// })
/// .await;
/// for (tenant, failure) in report.failures() {
///     tracing::error!(%tenant, "old sessions stay: {failure}");
/// }
/// # }
/// ```
pub async fn for_each_tenant<T, E, F>(
    pool: &TenantPool,
    tenants: impl IntoIterator<Item = TenantKey>,
    limit: usize,
    work: impl Fn(TenantHandle) -> F,
) -> TenantReport<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let work = &work;
    let limit = limit.clamp(1, pool.size());
    let runs = stream::iter(tenants).map(|tenant| async move {
        let handle = pool.tenant(&tenant);
        // made inside, so that a panic before the first await is this tenant's too
        let run = AssertUnwindSafe(switch(handle.clone(), async move { work(handle).await })).catch_unwind();
        let result = match run.await {
            Ok(result) => result.map_err(Failure::Failed),
            Err(panic) => Err(Failure::Panicked(words(&*panic))),
        };
        Outcome { tenant, result }
    });
    TenantReport { outcomes: runs.buffered(limit).collect().await }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}
