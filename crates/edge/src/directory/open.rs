//! A directory without a list: every well-formed key is an active tenant with the same limits.
//!
//! For installations where only the application knows its tenants. A tenant gets an entry when it is admitted for
//! the first time, never when somebody merely asks for it: names that strangers try at the door cost no memory.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

use tenantry_model::{KeyKind, TenantKey};

use super::facts::{Limits, TenantFacts};
use super::snapshot::canonical_key;
use super::tenant::{Numbers, Tenant};

/// Most tenants an open directory remembers. Beyond it, those that nobody holds are forgotten first.
pub const OPEN_TENANTS_MAX: usize = 1_000_000;

/// Parts that are locked apart from one another.
const SHARDS: usize = 64;

type Shard = RwLock<HashMap<TenantKey, Arc<Tenant>>>;

#[derive(Debug)]
pub(crate) struct Open {
    kind: KeyKind,
    limits: Limits,
    plan: Arc<str>,
    shards: Box<[Shard]>,
    shard_length_max: usize,
    hasher: RandomState,
}

impl Open {
    pub(super) fn new(kind: KeyKind, limits: Limits, tenants_max: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Shard::default()).collect();
        let shard_length_max = tenants_max.div_ceil(SHARDS).max(1);
        Self { kind, limits, plan: Arc::from(""), shards, shard_length_max, hasher: RandomState::new() }
    }

    pub(super) fn kind(&self) -> KeyKind {
        self.kind
    }

    /// What is known of a key: that it could be one.
    pub(super) fn facts(&self, key: &TenantKey) -> Option<Arc<TenantFacts>> {
        (key.kind() == self.kind).then(|| {
            let facts = TenantFacts { plan: self.plan.clone(), limits: self.limits, ..TenantFacts::new(key.clone()) };
            Arc::new(facts)
        })
    }

    pub(super) fn key_of_name(&self, name: &str) -> Option<TenantKey> {
        canonical_key(self.kind, name)
    }

    /// The entry of a key, made if there is none. Entries that have to go for it are given to `remember`.
    pub(super) fn enter(
        &self,
        key: &TenantKey,
        numbers: &Numbers,
        remember: impl FnOnce(Vec<Arc<Tenant>>),
    ) -> Result<Arc<Tenant>, NoEntry> {
        let shard = &self.shards[self.hasher.hash_one(key) as usize % SHARDS];
        // a map is whole between two calls, so a panic elsewhere under the lock leaves nothing half done
        if let Some(tenant) = shard.read().unwrap_or_else(PoisonError::into_inner).get(key) {
            return Ok(tenant.clone());
        }
        let facts = self.facts(key).ok_or(NoEntry::NoKey)?;
        let mut map = shard.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(tenant) = map.get(key) {
            return Ok(tenant.clone());
        }
        if map.len() >= self.shard_length_max {
            // nobody can get at an entry of this shard while it is locked, so one holder means only this map
            let idle = map.extract_if(|_, tenant| Arc::strong_count(tenant) == 1);
            remember(idle.map(|(_, tenant)| tenant).collect());
        }
        if map.len() >= self.shard_length_max {
            return Err(NoEntry::Full);
        }
        let tenant = Tenant::new(&facts, numbers.next().ok_or(NoEntry::Full)?);
        map.insert(key.clone(), tenant.clone());
        Ok(tenant)
    }

    /// Every entry. Copied shard by shard, so that nobody waits for whoever looks at them.
    pub(super) fn all(&self) -> Vec<Arc<Tenant>> {
        let shards = self.shards.iter();
        shards
            .flat_map(|s| s.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect::<Vec<_>>())
            .collect()
    }
}

/// Why a key gets no entry.
#[derive(Debug)]
pub(super) enum NoEntry {
    /// Of another type than this directory's keys.
    NoKey,
    /// Every remembered tenant is at work.
    Full,
}
