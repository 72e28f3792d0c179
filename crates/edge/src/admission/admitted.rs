//! An admitted tenant. It can only be had from admission; queue, limits, cache and context are reached through it.

use std::fmt;
use std::sync::Arc;

use tenantry_model::TenantKey;

use super::refusal::Refusal;
use crate::directory::{Limits, Tenant, TenantFacts, TenantState};
use crate::limit::Occupancy;
use crate::usage::TenantUsage;

/// The right to work for one tenant. Clones are cheap and share everything; they follow what is published later.
#[derive(Clone)]
pub struct Admitted {
    tenant: Arc<Tenant>,
    scope: Option<Arc<TenantKey>>,
    expires_at: Option<i64>,
}

impl Admitted {
    pub(super) fn new(tenant: Arc<Tenant>, scope: Option<&TenantKey>, expires_at: Option<i64>) -> Self {
        Self { tenant, scope: scope.cloned().map(Arc::new), expires_at }
    }

    /// What stands in the tenant column.
    pub fn key(&self) -> &TenantKey {
        &self.tenant.key
    }

    /// The part of the tenant this is for; `None` is the whole tenant. A context made from here must carry it.
    pub fn scope(&self) -> Option<&TenantKey> {
        self.scope.as_deref()
    }

    /// Unix time in seconds at which the pass that admitted ends; `None` where no pass did. Whether a session may
    /// outlive its pass is for whoever holds the session to say.
    pub fn expires_at(&self) -> Option<i64> {
        self.expires_at
    }

    /// The slug as it is now.
    pub fn slug(&self) -> Option<Arc<str>> {
        self.tenant.facts().slug.clone()
    }

    /// What is published of the tenant now.
    pub fn facts(&self) -> Arc<TenantFacts> {
        Arc::clone(&self.tenant.facts())
    }

    /// What the tenant may use now.
    pub fn limits(&self) -> Limits {
        self.tenant.facts().limits
    }

    /// The weight in the queue now.
    pub fn weight(&self) -> u32 {
        self.tenant.facts().limits.weight
    }

    /// Whether the tenant may work now. One atomic load.
    pub fn state(&self) -> TenantState {
        self.tenant.state()
    }

    /// Whether the tenant may still work: to be asked before each transaction, and when a list was published.
    pub fn check(&self) -> Result<(), Refusal> {
        refusal_of(self.state()).map_or(Ok(()), Err)
    }

    /// A small number that stands for this entry in queues, pools and metrics. Counted from 0, and never given to
    /// another tenant while the process lives; a tenant that was removed and comes back gets a new one.
    pub fn number(&self) -> u32 {
        self.tenant.number
    }

    /// What the tenant used.
    pub fn usage(&self) -> &TenantUsage {
        &self.tenant.usage
    }

    /// What the tenant holds at this moment.
    pub fn occupancy(&self) -> &Occupancy {
        &self.tenant.occupancy
    }

    /// Whether both are the same entry, of whichever part.
    pub fn is_same_tenant(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.tenant, &other.tenant)
    }

    pub(crate) fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }
}

pub(super) fn refusal_of(state: TenantState) -> Option<Refusal> {
    match state {
        TenantState::Active => None,
        TenantState::Suspended => Some(Refusal::Suspended),
        TenantState::Deleted => Some(Refusal::Deleted),
    }
}

impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted").field("key", self.key()).field("number", &self.number()).finish()
    }
}
