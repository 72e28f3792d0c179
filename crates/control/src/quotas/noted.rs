//! What requests leave for the keeper: who was refused, how often, and who came near a limit. Counted in memory, so
//! that a tenant that asks without end writes one entry where it would have written thousands.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use super::counters::Counter;
use crate::ids::TenantId;

/// Most tenants and resources that are noted between two rounds of the keeper; more go unnoted.
const NOTED_MAX: usize = 10_000;

/// What was refused of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// How often.
    pub(super) count: u64,
    /// The last of them.
    pub(super) held: i64,
    pub(super) limit: Option<i64>,
    pub(super) requested: i64,
}

/// The notes.
#[derive(Debug, Default)]
pub(super) struct Noted(Mutex<Notes>);

/// What was noted since the last round.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Who was refused what.
    pub(super) refused: HashMap<(TenantId, String), Refused>,
    /// Who came near a limit.
    pub(super) near: BTreeSet<TenantId>,
}

impl Noted {
    /// A tenant was refused so many units.
    pub(super) fn refused(&self, tenant: TenantId, resource: &str, counter: &Counter, requested: i64) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = notes.refused.len() >= NOTED_MAX;
        let key = (tenant, resource.to_owned());
        if full && !notes.refused.contains_key(&key) {
            return;
        }
        let count = notes.refused.get(&key).map_or(0, |r| r.count) + 1;
        let refused = Refused { count, held: counter.held(), limit: counter.bound, requested };
        notes.refused.insert(key, refused);
        notes.near.insert(tenant);
    }

    /// A tenant came near a limit.
    pub(super) fn near(&self, tenant: TenantId) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.near.len() < NOTED_MAX {
            notes.near.insert(tenant);
        }
    }

    /// Takes what was noted.
    pub(super) fn take(&self) -> Notes {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
