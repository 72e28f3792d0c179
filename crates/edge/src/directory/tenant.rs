//! The live entry of a tenant: one per tenant and directory, kept from publish to publish, shared by all threads.
//!
//! Whoever holds it sees what is published later. It is not handed out: outside it is reached through `Admitted`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use arc_swap::ArcSwap;
use tenantry_model::TenantKey;

use super::facts::{TenantFacts, TenantState};
use crate::limit::Occupancy;
use crate::usage::TenantUsage;

#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) key: TenantKey,
    /// Never given to another tenant, not even after this one is gone: pools and queues go by it.
    pub(crate) number: u32,
    state: AtomicU8,
    facts: ArcSwap<TenantFacts>,
    pub(crate) occupancy: Occupancy,
    pub(crate) usage: TenantUsage,
}

impl Tenant {
    pub(super) fn new(facts: &Arc<TenantFacts>, number: u32) -> Arc<Self> {
        Arc::new(Self {
            key: facts.key.clone(),
            number,
            state: AtomicU8::new(facts.state.to_byte()),
            facts: ArcSwap::new(facts.clone()),
            occupancy: Occupancy::default(),
            usage: TenantUsage::default(),
        })
    }

    pub(crate) fn state(&self) -> TenantState {
        TenantState::from_byte(self.state.load(Ordering::Acquire))
    }

    pub(crate) fn facts(&self) -> arc_swap::Guard<Arc<TenantFacts>> {
        self.facts.load()
    }

    /// Takes what is published now. Gives back the older facts where they say the same, so that one copy is kept.
    pub(super) fn follow(&self, facts: &mut Arc<TenantFacts>) {
        let known = self.facts.load();
        if **known == **facts {
            *facts = Arc::clone(&known);
        } else {
            self.facts.store(facts.clone());
        }
        self.state.store(facts.state.to_byte(), Ordering::Release);
    }

    /// It is listed no more.
    pub(super) fn depart(&self) {
        self.state.store(TenantState::Deleted.to_byte(), Ordering::Release);
    }
}

/// Gives each live entry its number.
#[derive(Debug, Default)]
pub(super) struct Numbers(AtomicU32);

impl Numbers {
    /// The next number; `None` after four thousand million.
    pub(super) fn next(&self) -> Option<u32> {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_add(1)).ok()
    }
}
