//! Numbers for tenants, because the fair queue knows no keys.

use std::collections::HashMap;

use tenantry_edge::fair::FairQueue;
use tenantry_model::TenantKey;

/// Tenants numbered before the first sweep.
const TENANTS_MIN: usize = 1024;

#[derive(Debug)]
pub(super) struct Numbers {
    of: HashMap<TenantKey, u32>,
    next: u32,
    sweep_at: usize,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { of: HashMap::new(), next: 0, sweep_at: TENANTS_MIN }
    }
}

impl Numbers {
    /// The tenant's number. Tenants that neither wait nor run lose theirs now and then.
    pub(super) fn of<T>(&mut self, tenant: &TenantKey, queue: &FairQueue<T>) -> u32 {
        if let Some(number) = self.of.get(tenant) {
            return *number;
        }
        if self.of.len() >= self.sweep_at {
            self.of.retain(|_, number| queue.len_of(*number) > 0 || queue.in_service_of(*number) > 0);
            self.sweep_at = (self.of.len() * 2).max(TENANTS_MIN);
        }
        let number = self.next;
        // after four thousand million tenants two may share a queue, and still no row
        self.next = self.next.wrapping_add(1);
        self.of.insert(tenant.clone(), number);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_gone_is_forgotten_and_who_runs_is_not() {
        let (mut numbers, mut queue) = (Numbers::default(), FairQueue::<()>::new());
        let runs = numbers.of(&TenantKey::Bigint(-1), &queue);
        assert!(queue.try_begin(runs, 1, 10));
        for key in 0..10 * TENANTS_MIN as i64 {
            numbers.of(&TenantKey::Bigint(key), &queue);
            assert_eq!(numbers.of(&TenantKey::Bigint(-1), &queue), runs);
        }
        assert!(numbers.of.len() <= TENANTS_MIN + 1);
    }
}
