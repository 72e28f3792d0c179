//! The tenant a task works for.
//!
//! A tenant set by [`scope`] is that task's alone. A task spawned from it has none, and [`current`] says so loudly:
//! a background job that was not told its tenant must fail and not work for whoever happened to be there. It is told
//! with [`spawn_with`], or with a `scope` of its own.

use std::future::Future;

use tenantry_model::{Class, TenantKey};
use tokio::task::JoinHandle;

use crate::TenantHandle;

tokio::task_local! {
    static CURRENT: TenantHandle;
}

/// Why a task has no tenant, or gets no other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Nobody said for whom.
    #[error(
        "no tenant is set for this task: run it inside tenantry_client::scope, or start it with spawn_with \
         (a spawned task does not inherit its parent's tenant)"
    )]
    NoTenant,
    /// It works for somebody else.
    #[error("this task works for tenant {current} and would change to {other}: if that is meant, use switch")]
    OtherTenant {
        /// The tenant it has.
        current: TenantKey,
        /// The one it was to get.
        other: TenantKey,
    },
    /// It works for another part of the same tenant.
    #[error("this task works for another business unit of tenant {tenant}: if the change is meant, use switch")]
    OtherUnit {
        /// The tenant.
        tenant: TenantKey,
    },
}

impl ScopeError {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        Class::Caller
    }
}

/// Runs a future for a tenant. Refused inside a scope of another tenant or business unit.
pub async fn scope<F: Future>(handle: TenantHandle, work: F) -> Result<F::Output, ScopeError> {
    if let Ok(current) = current() {
        let (tenant, other) = (current.tenant(), handle.tenant());
        if tenant != other {
            return Err(ScopeError::OtherTenant { current: tenant.clone(), other: other.clone() });
        }
        if !current.is_same_tenant(&handle) {
            return Err(ScopeError::OtherUnit { tenant: tenant.clone() });
        }
    }
    Ok(CURRENT.scope(handle, work).await)
}

/// Runs a future for a tenant, whatever tenant the task works for. It has that one again afterwards.
pub async fn switch<F: Future>(handle: TenantHandle, work: F) -> F::Output {
    CURRENT.scope(handle, work).await
}

/// The tenant of this task.
pub fn current() -> Result<TenantHandle, ScopeError> {
    CURRENT.try_with(Clone::clone).map_err(|_| ScopeError::NoTenant)
}

/// Starts a task that works for a tenant. Whoever starts it owns it.
pub fn spawn_with<F>(handle: TenantHandle, work: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(CURRENT.scope(handle, work))
}
