//! Validations from memory, for platforms that ask thousands of times a second. Off unless the settings name an age.
//!
//! What is remembered is never older than that age: who was let in for which tenant, and that tenant's numbers. Only an
//! answer that is clearly yes comes from here; whoever is near a limit, and whoever is refused, has asked the database
//! itself. A validation holds nothing free anyway: the guard on the rows and the reservation are the truth, and know
//! nothing of this.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use super::counters::{Counter, Counters};
use super::http::ask;
use super::ledger::Ledger;
use crate::access::Permission;
use crate::error::Error;
use crate::http::Api;
use crate::http::caller::{Caller, Id};
use crate::ids::TenantId;

/// Most credentials and most tenants that are remembered.
const REMEMBERED_MAX: usize = 20_000;
/// Room that must be left in percent of the limit, for an answer to be clear.
const CLEAR_PERCENT: i64 = 5;
/// Room that must be left in any case.
const CLEAR_UNITS: i64 = 10;
/// The oldest that numbers may be set to be.
pub const AGE_MAX: Duration = Duration::from_secs(5);

/// What is remembered. Keys carry the number of their slice of time, so that what is too old is not found.
pub(super) struct Memory {
    age: Duration,
    began: Instant,
    doors: Cache<([u8; 32], u128), TenantId>,
    counters: Cache<(TenantId, u128), Arc<Counters>>,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("age", &self.age).finish_non_exhaustive()
    }
}

impl Memory {
    /// A memory of this age; none of age zero.
    pub(super) fn of_age(age: Duration) -> Option<Self> {
        let age = age.min(AGE_MAX);
        (!age.is_zero()).then(|| Self {
            age,
            began: Instant::now(),
            doors: Cache::new(REMEMBERED_MAX),
            counters: Cache::new(REMEMBERED_MAX),
        })
    }

    fn slice(&self) -> u128 {
        self.began.elapsed().as_nanos() / self.age.as_nanos().max(1)
    }

    /// The tenant's numbers; whoever asks while they are fetched waits for the same answer.
    async fn counters(&self, application: &Ledger, tenant: TenantId) -> Result<Arc<Counters>, Error> {
        let fetch = async { Ok(Arc::new(ask(application, tenant).await?.1)) };
        self.counters.get_or_insert_async(&(tenant, self.slice()), fetch).await
    }

    /// The same, if these increments fit clearly.
    pub(super) async fn clearly(
        &self,
        application: &Ledger,
        tenant: TenantId,
        items: &[(String, i64)],
    ) -> Result<Option<Arc<Counters>>, Error> {
        let counters = self.counters(application, tenant).await?;
        let wanted = items.iter().fold(0_i64, |sum, (_, n)| sum.saturating_add(*n));
        let fits = |name: &String| counters.get(name).is_some_and(|counter| is_clear(counter, wanted));
        Ok(items.iter().all(|(name, _)| fits(name)).then_some(counters))
    }
}

/// Whether so many units would leave plenty of room.
fn is_clear(counter: &Counter, wanted: i64) -> bool {
    let (Some(remaining), Some(bound)) = (counter.remaining(), counter.bound) else { return true };
    let room = (bound / 100 * CLEAR_PERCENT).max(CLEAR_UNITS);
    remaining.saturating_sub(wanted) > room
}

/// Whoever may use the quota of the tenant in the path.
#[derive(Debug)]
pub(super) struct Door(pub(super) TenantId);

impl FromRequestParts<Api> for Door {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Error> {
        let memory = api.quotas().memory.as_ref();
        let key = memory.map(|memory| (digest(&parts.headers, parts.uri.path()), memory.slice()));
        if let (Some(memory), Some(key)) = (memory, &key)
            && let Some(tenant) = memory.doors.get(key)
        {
            return Ok(Self(tenant));
        }
        let caller = Caller::from_request_parts(parts, api).await?;
        let Id(tenant) = Id::from_request_parts(parts, api).await?;
        caller.on_tenant(Permission::QuotaUse, tenant).await?;
        if let (Some(memory), Some(key)) = (memory, key) {
            memory.doors.insert(key, tenant);
        }
        Ok(Self(tenant))
    }
}

/// Everything that decides about who is let in: credentials, headers that name a tenant, and the path.
fn digest(headers: &HeaderMap, path: &str) -> [u8; 32] {
    let mut whole = Sha256::new();
    let mut part = |text: &[u8]| {
        whole.update((text.len() as u64).to_be_bytes());
        whole.update(text);
    };
    part(path.as_bytes());
    for name in [AUTHORIZATION.as_str(), "cookie", "x-tenant-id", "x-workspace-id", "x-tenant", "idempotency-key"] {
        for value in headers.get_all(name) {
            part(name.as_bytes());
            part(value.as_bytes());
        }
    }
    whole.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(used: i64, bound: Option<i64>) -> Counter {
        Counter {
            measure: "rows".to_owned(),
            used,
            reserved: 0,
            given: 0,
            max: bound,
            bound,
            grace: None,
            parent: None,
            chosen: true,
        }
    }

    #[test]
    fn only_plenty_of_room_is_clear() {
        assert!(is_clear(&counter(0, None), i64::MAX));
        assert!(is_clear(&counter(0, Some(1_000)), 949));
        assert!(!is_clear(&counter(0, Some(1_000)), 950));
        assert!(!is_clear(&counter(38, Some(50)), 2));
        assert!(is_clear(&counter(37, Some(50)), 2));
        assert!(!is_clear(&counter(5, Some(1)), 1));
    }

    #[test]
    fn what_decides_about_the_door_is_in_its_key() {
        let with = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            pairs.iter().for_each(|(n, v)| _ = headers.append(*n, v.parse().unwrap()));
            headers
        };
        let of = |pairs: &[(&'static str, &'static str)]| digest(&with(pairs), "/api/tenants/x/quota/validate");
        let all = [
            of(&[]),
            of(&[("authorization", "a")]),
            of(&[("authorization", "b")]),
            of(&[("authorization", "a"), ("authorization", "a")]),
            of(&[("authorization", "a"), ("x-tenant-id", "t")]),
            of(&[("authorization", "a"), ("x-workspace-id", "t")]),
            digest(&with(&[("authorization", "a")]), "/api/tenants/y/quota/validate"),
        ];
        for (n, one) in all.iter().enumerate() {
            assert!(!all[..n].contains(one), "{n}");
        }
        assert_eq!(of(&[("authorization", "a")]), all[1]);
    }
}
