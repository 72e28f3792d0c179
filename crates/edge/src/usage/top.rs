//! Series for metrics: the tenants that use most by name, all others as one.
//!
//! A label per tenant would let the number of tenants decide how much memory the metrics server needs. So only some
//! have a name at a time. Counters in metrics must never fall, hence usage goes to the series its tenant has at the
//! moment and stays there: a tenant that gets a name begins at zero, and what it used before stays with the others.

use std::collections::HashMap;

use tenantry_model::TenantKey;

use super::Counters;
use super::deltas::Deltas;
use crate::directory::Directory;

/// A tenant takes another's name only if it uses this many times as much, so that names do not flicker.
const LEAD: u64 = 2;

/// Each look counts past use for this part less: 1/8.
const DECAY_SHIFT: u32 = 3;

/// Tenants with a series of their own, and the series of all others.
#[derive(Debug)]
pub struct Top {
    named_max: usize,
    deltas: Deltas,
    named: HashMap<TenantKey, Counters>,
    other: Counters,
    /// Server time lately, of every tenant that used any lately.
    recent: HashMap<TenantKey, u64>,
}

impl Top {
    /// At most so many tenants get a series.
    pub fn new(named_max: usize) -> Self {
        Self {
            named_max,
            deltas: Deltas::default(),
            named: HashMap::new(),
            other: Counters::default(),
            recent: HashMap::new(),
        }
    }

    /// Adds what was used since the last call, then decides who has a name from now on.
    pub fn update(&mut self, directory: &Directory) {
        self.recent.retain(|_, recent| {
            *recent -= (*recent >> DECAY_SHIFT).max(1);
            *recent > 0
        });
        self.deltas.each(directory, |tenant, used| {
            self.named.get_mut(tenant.key()).unwrap_or(&mut self.other).absorb(used);
            if used.server_micros > 0 {
                *self.recent.entry(tenant.key().clone()).or_default() += used.server_micros;
            }
        });
        self.choose();
    }

    /// The series of tenants, by key.
    pub fn named(&self) -> impl ExactSizeIterator<Item = (&TenantKey, &Counters)> {
        self.named.iter()
    }

    /// The series of all other tenants.
    pub fn other(&self) -> &Counters {
        &self.other
    }

    fn choose(&mut self) {
        let mut candidates: Vec<(u64, &TenantKey)> = self.recent.iter().map(|(key, recent)| (*recent, key)).collect();
        let first = self.named_max.min(candidates.len());
        if first == 0 {
            return;
        }
        // ties go by key, so that the choice does not depend on the order of a map
        candidates.select_nth_unstable_by(first - 1, |a, b| b.cmp(a));
        candidates.truncate(first);
        candidates.sort_unstable_by(|a, b| b.cmp(a));
        for (recent, key) in candidates {
            if self.named.contains_key(key) {
                continue;
            }
            if self.named.len() >= self.named_max {
                let lately = |key: &TenantKey| self.recent.get(key).copied().unwrap_or(0);
                let Some(last) = self.named.keys().min_by_key(|k| (lately(k), *k)).cloned() else { return };
                if recent < lately(&last).saturating_mul(LEAD) {
                    return;
                }
                self.named.remove(&last);
            }
            self.named.insert(key.clone(), Counters::default());
        }
    }
}
