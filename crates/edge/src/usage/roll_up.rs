//! What each tenant used since the last roll-up, for quotas, invoices and history.

use std::collections::HashMap;

use tenantry_model::TenantKey;

use super::Counters;
use super::deltas::Deltas;
use crate::directory::Directory;

/// Collects usage tenant by tenant. What could not be delivered is put back and comes with the next.
#[derive(Debug, Default)]
pub struct RollUp {
    deltas: Deltas,
    waiting: HashMap<TenantKey, Counters>,
}

impl RollUp {
    /// Begins at zero: the first roll-up holds everything used so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was used since the last call, and what was put back, sorted by key.
    pub fn take(&mut self, directory: &Directory) -> Vec<(TenantKey, Counters)> {
        self.deltas.each(directory, |tenant, used| {
            self.waiting.entry(tenant.key().clone()).or_default().absorb(used);
        });
        let mut items: Vec<_> = self.waiting.drain().collect();
        items.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        items
    }

    /// Gives back what nobody took.
    pub fn put_back(&mut self, items: impl IntoIterator<Item = (TenantKey, Counters)>) {
        for (key, used) in items {
            self.waiting.entry(key).or_default().absorb(&used);
        }
    }
}
