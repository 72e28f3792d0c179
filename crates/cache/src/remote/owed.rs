//! Removals that did not arrive in Redis. Until they do, what Redis holds for those tenants is not asked for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tenantry_model::TenantKey;

/// More tenants than this are not told apart.
const TENANTS_MAX: usize = 10_000;

/// Whose removals are owed.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    count: AtomicUsize,
    all: AtomicBool,
    /// The tenant, and how often its removals failed: what was paid for an older failure does not pay for a newer.
    tenants: Mutex<HashMap<TenantKey, u64>>,
}

/// What is to be paid.
pub(crate) enum Debt {
    /// Everything is forgotten.
    All,
    /// What these tenants had, with the failures that this pays for.
    Tenants(Vec<(TenantKey, u64)>),
}

impl Owed {
    /// A removal did not arrive; `None` is one for everybody.
    pub(crate) fn owe(&self, tenant: Option<&TenantKey>) {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        match tenant {
            Some(tenant) if tenants.len() < TENANTS_MAX || tenants.contains_key(tenant) => {
                *tenants.entry(tenant.clone()).or_default() += 1;
            }
            _ => self.all.store(true, Ordering::Release),
        }
        self.count.store(tenants.len(), Ordering::Release);
    }

    /// Whether Redis is to be left alone for a tenant. Two atomic loads as long as nothing is owed.
    pub(crate) fn is_owed(&self, tenant: &TenantKey) -> bool {
        if self.all.load(Ordering::Acquire) {
            return true;
        }
        self.count.load(Ordering::Acquire) > 0
            && self.tenants.lock().unwrap_or_else(PoisonError::into_inner).contains_key(tenant)
    }

    pub(crate) fn debt(&self) -> Option<Debt> {
        if self.all.load(Ordering::Acquire) {
            return Some(Debt::All);
        }
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Debt::Tenants(tenants.iter().map(|(t, n)| (t.clone(), *n)).collect()))
    }

    pub(crate) fn paid_all(&self) {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.clear();
        self.count.store(0, Ordering::Release);
        self.all.store(false, Ordering::Release);
    }

    pub(crate) fn paid(&self, tenant: &TenantKey, failures: u64) {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if tenants.get(tenant) == Some(&failures) {
            tenants.remove(tenant);
        }
        self.count.store(tenants.len(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debt_is_paid_once_for_each_failure() {
        let (owed, a, b) = (Owed::default(), TenantKey::Integer(1), TenantKey::Integer(2));
        assert!(owed.debt().is_none());
        owed.owe(Some(&a));
        assert!(owed.is_owed(&a) && !owed.is_owed(&b));
        owed.owe(Some(&a));
        owed.paid(&a, 1);
        assert!(owed.is_owed(&a), "a later removal is still owed");
        owed.paid(&a, 2);
        assert!(!owed.is_owed(&a) && owed.debt().is_none());
    }

    #[test]
    fn too_many_are_everybody() {
        let owed = Owed::default();
        for number in 0..=TENANTS_MAX {
            owed.owe(Some(&TenantKey::Bigint(number as i64)));
        }
        assert!(owed.is_owed(&TenantKey::Integer(1)));
        assert!(matches!(owed.debt(), Some(Debt::All)));
        owed.paid_all();
        assert!(owed.debt().is_none());
    }
}
