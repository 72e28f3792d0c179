//! A tenant seen from outside, for consoles and metrics. Admits to nothing.

use std::sync::Arc;

use tenantry_model::TenantKey;

use super::facts::{TenantFacts, TenantState};
use super::tenant::Tenant;
use crate::limit::Occupancy;
use crate::usage::TenantUsage;

/// One tenant with a live entry.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a>(pub(super) &'a Tenant);

impl Observed<'_> {
    /// What stands in the tenant column.
    pub fn key(&self) -> &TenantKey {
        &self.0.key
    }

    /// The number that stands for this entry in queues and pools.
    pub fn number(&self) -> u32 {
        self.0.number
    }

    /// What was published of it last.
    pub fn facts(&self) -> Arc<TenantFacts> {
        Arc::clone(&self.0.facts())
    }

    /// Whether it may work now.
    pub fn state(&self) -> TenantState {
        self.0.state()
    }

    /// What it used.
    pub fn usage(&self) -> &TenantUsage {
        &self.0.usage
    }

    /// What it holds at this moment.
    pub fn occupancy(&self) -> &Occupancy {
        &self.0.occupancy
    }
}
