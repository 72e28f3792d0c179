//! The entries of one admitted tenant: what callers work with.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tenantry_edge::admission::Admitted;

use crate::ablation::Protection;
use crate::cache::Inner;
use crate::clock::millis;
use crate::counters::count;
use crate::error::CacheError;
use crate::key::{Asked, Key};
use crate::local::flight::{Flight, Lead};
use crate::local::space::{Entry, Role, Space};
use crate::message::Message;
use crate::remote::{Looked, Reach, Ticket};
use crate::settings::TTL_MAX;

/// What is known of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Its value.
    Value(Bytes),
    /// That there is nothing.
    Nothing,
}

/// What a loader found, and how long it may be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Its value; `None` is that there is nothing.
    pub value: Option<Bytes>,
    /// For so long.
    pub ttl: Duration,
}

/// The entries of one admitted tenant. A part of a tenant has entries of its own; a removal by kind, or of all, is for
/// the tenant with its parts.
pub struct Scope<'a> {
    inner: &'a Inner,
    space: Arc<Space>,
    admitted: &'a Admitted,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(inner: &'a Inner, space: Arc<Space>, admitted: &'a Admitted) -> Self {
        Self { inner, space, admitted }
    }

    /// How long an entry lives where the caller has no opinion.
    pub fn ttl(&self) -> Duration {
        self.inner.settings.ttl
    }

    /// What is known of an entry, without loading it.
    pub async fn get<'k>(&self, key: impl Into<Key<'k>>) -> Result<Option<Known>, CacheError> {
        let asked = self.asked(key.into())?;
        let now = self.now();
        if let Some(entry) = self.here_at(&asked, now) {
            count(&self.space.counters.hits);
            return Ok(Some(entry.into()));
        }
        let looked = match &self.inner.remote {
            Some(remote) => remote.look(&self.space, &asked, now).await,
            None => Looked::Off,
        };
        self.check()?;
        let Looked::Found { value, life, removals } = looked else {
            count(&self.space.counters.misses);
            return Ok(None);
        };
        count(&self.space.counters.remote_hits);
        let entry = self.entry(value, life);
        if self.inner.make_room(&self.space, &asked, &entry) {
            self.space.keep_since(removals, &asked, entry.clone());
        }
        Ok(Some(entry.into()))
    }

    /// What is known of an entry, or what the loader finds; `None` is that there is nothing. Of all who ask at the same
    /// time, one loads. A loader's error is not kept.
    ///
    /// The loader must read what was committed: whatever it finds may be kept until the entry's time is over, or until
    /// the entry is removed. What a load finds that a removal overtook is given to those who waited, and not kept.
    pub async fn get_or_load<'k, F, L, E>(
        &self,
        key: impl Into<Key<'k>>,
        ttl: Duration,
        load: F,
    ) -> Result<Option<Bytes>, CacheError>
    where
        F: FnOnce() -> L,
        L: Future<Output = Result<Option<Bytes>, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let found = || async { load().await.map(|value| Loaded { value, ttl }) };
        self.get_or_load_for(key, found).await
    }

    /// The same, where what is found says how long it may be kept. A time of zero keeps it for those who wait, and for
    /// nobody else.
    pub async fn get_or_load_for<'k, F, L, E>(
        &self,
        key: impl Into<Key<'k>>,
        load: F,
    ) -> Result<Option<Bytes>, CacheError>
    where
        F: FnOnce() -> L,
        L: Future<Output = Result<Loaded, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let asked = self.asked(key.into())?;
        loop {
            self.check()?;
            if let Some(entry) = self.here(&asked) {
                count(&self.space.counters.hits);
                return Ok(entry.value);
            }
            match self.space.join(&asked, || self.here(&asked).is_some()) {
                // it came between the two looks
                Role::Found => {}
                Role::Wait(flight) => {
                    if let Some(outcome) = flight.landing().await {
                        self.check()?;
                        count(&self.space.counters.shared_loads);
                        return outcome.map_err(|source| CacheError::Load { source });
                    }
                }
                Role::Lead(lead) => return self.lead(lead, &asked, load).await,
            }
        }
    }

    /// Keeps a value, instead of what was there.
    pub async fn put<'k>(&self, key: impl Into<Key<'k>>, ttl: Duration, value: Bytes) -> Result<Reach, CacheError> {
        self.keep(key.into(), ttl, Some(value)).await
    }

    /// Keeps the knowledge that there is nothing.
    pub async fn put_nothing<'k>(&self, key: impl Into<Key<'k>>, ttl: Duration) -> Result<Reach, CacheError> {
        self.keep(key.into(), ttl, None).await
    }

    /// Forgets an entry, in all processes. To be called after the transaction that changed it was committed.
    pub async fn remove<'k>(&self, key: impl Into<Key<'k>>) -> Result<Reach, CacheError> {
        let asked = self.asked(key.into())?;
        Ok(self.forget(&Message::entry(self.admitted.key(), &asked)).await)
    }

    /// Forgets all entries of a kind, in all processes: lists, for example, of which nobody knows the pages.
    pub async fn remove_kind(&self, kind: &str) -> Result<Reach, CacheError> {
        self.asked(Key { kind, id: "" })?;
        Ok(self.forget(&Message::Kind { tenant: self.admitted.key().clone(), kind: kind.to_owned() }).await)
    }

    /// Forgets all entries of the tenant, in all processes. Costs the same whatever there is.
    pub async fn clear(&self) -> Result<Reach, CacheError> {
        self.check()?;
        Ok(self.forget(&Message::Tenant { tenant: self.admitted.key().clone() }).await)
    }

    async fn forget(&self, message: &Message) -> Reach {
        count(&self.space.counters.removals);
        self.inner.forget(message).await
    }

    async fn lead<F, L, E>(&self, lead: Lead, asked: &Asked<'_>, load: F) -> Result<Option<Bytes>, CacheError>
    where
        F: FnOnce() -> L,
        L: Future<Output = Result<Loaded, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let flight = lead.flight.clone();
        // whatever ends this future, the next caller must not wait for it
        let settled = Settled { space: &self.space, asked, flight: &flight };
        let mut ticket = None;
        if let Some(remote) = &self.inner.remote {
            let mut looked = remote.look(&self.space, asked, self.now()).await;
            if let (Looked::Missing(_), Some(wait)) = (&looked, self.inner.settings.lock_wait_max) {
                looked = remote.look_or_lock(&self.space, asked, wait, looked).await;
            }
            match looked {
                Looked::Found { value, life, .. } => {
                    count(&self.space.counters.remote_hits);
                    let entry = self.entry(value.clone(), life);
                    self.settle(asked, &flight, entry);
                    lead.land(Ok(value.clone()));
                    self.check()?;
                    return Ok(value);
                }
                Looked::Missing(missing) => ticket = Some(missing),
                Looked::Off => {}
            }
        }
        count(&self.space.counters.misses);
        count(&self.space.counters.loads);
        let Loaded { value, ttl } = match load().await {
            Ok(loaded) => loaded,
            Err(error) => {
                count(&self.space.counters.failed_loads);
                let source: Arc<dyn std::error::Error + Send + Sync> = Arc::from(error.into());
                drop(settled);
                lead.land(Err(source.clone()));
                self.release(ticket).await;
                return Err(CacheError::Load { source });
            }
        };
        self.check()?;
        let life = self.life(ttl, value.is_none());
        if self.fits(value.as_ref()) && life > 0 {
            if let (Some(remote), Some(ticket), false) = (&self.inner.remote, &ticket, self.is_overtaken(&flight)) {
                remote.store(&self.space, asked.key.kind, ticket, value.as_deref(), life).await;
            }
            self.settle(asked, &flight, self.entry(value.clone(), life));
        }
        drop(settled);
        lead.land(Ok(value.clone()));
        self.release(ticket).await;
        Ok(value)
    }

    async fn release(&self, ticket: Option<Ticket>) {
        if let (Some(remote), Some(ticket)) = (&self.inner.remote, ticket) {
            remote.unlock(ticket).await;
        }
    }

    async fn keep(&self, key: Key<'_>, ttl: Duration, value: Option<Bytes>) -> Result<Reach, CacheError> {
        let asked = self.asked(key)?;
        let life = self.life(ttl, value.is_none());
        if !self.fits(value.as_ref()) || life == 0 {
            // what was there is not what there is
            return Ok(self.forget(&Message::entry(self.admitted.key(), &asked)).await);
        }
        let lead = self.space.write(&asked);
        let flight = lead.flight.clone();
        let settled = Settled { space: &self.space, asked: &asked, flight: &flight };
        let reach = match &self.inner.remote {
            Some(remote) => remote.put(&self.space, &asked, value.as_deref(), life).await,
            None => Reach::Everywhere,
        };
        self.settle(&asked, &flight, self.entry(value.clone(), life));
        drop(settled);
        lead.land(Ok(value));
        Ok(reach)
    }

    fn is_overtaken(&self, flight: &Flight) -> bool {
        flight.is_overtaken() && !self.inner.settings.removed.has(Protection::Overtaken)
    }

    fn settle(&self, asked: &Asked<'_>, flight: &Arc<Flight>, entry: Entry) {
        self.inner.make_room(&self.space, asked, &entry);
        if !self.space.settle(asked, flight, Some(entry)) {
            count(&self.space.counters.overtaken);
        }
    }

    /// What is here and may be believed.
    fn here(&self, asked: &Asked<'_>) -> Option<Entry> {
        self.here_at(asked, self.now())
    }

    fn here_at(&self, asked: &Asked<'_>, now: u64) -> Option<Entry> {
        let entry = self.space.find(asked, now)?;
        match &self.inner.remote {
            Some(remote) if !remote.believes(entry.stored, now) => None,
            _ => Some(entry),
        }
    }

    fn entry(&self, value: Option<Bytes>, life: u64) -> Entry {
        let now = self.now();
        Entry { value, ends: now.saturating_add(life), stored: now }
    }

    /// Milliseconds an entry lives from now on.
    fn life(&self, ttl: Duration, is_nothing: bool) -> u64 {
        let settings = &self.inner.settings;
        let most = if is_nothing { settings.nothing_ttl_max.min(TTL_MAX) } else { TTL_MAX };
        let life = millis(ttl.min(most));
        let early = life as f64 * settings.jitter.clamp(0.0, 1.0) * fastrand::f64();
        life - early as u64
    }

    fn fits(&self, value: Option<&Bytes>) -> bool {
        let fits = value.map_or(0, Bytes::len) <= self.inner.settings.value_bytes_max;
        if !fits {
            count(&self.space.counters.too_large);
        }
        fits
    }

    fn asked<'k>(&'k self, key: Key<'k>) -> Result<Asked<'k>, CacheError> {
        self.check()?;
        key.check()?;
        Ok(Asked { unit: self.admitted.scope(), key })
    }

    fn check(&self) -> Result<(), CacheError> {
        if self.inner.settings.removed.has(Protection::State) {
            return Ok(());
        }
        self.admitted.check().map_err(CacheError::Refused)
    }

    fn now(&self) -> u64 {
        self.inner.settings.clock.now()
    }

    /// What the tenant's cache did in this process.
    pub fn used(&self) -> crate::counters::Used {
        self.space.counters.seen()
    }

    /// Bytes of the first level that are the tenant's.
    pub fn bytes(&self) -> u64 {
        self.space.bytes()
    }

    /// Whether Redis is left alone for this tenant, because a removal did not arrive there.
    pub fn is_distrusted(&self) -> bool {
        self.inner.remote.as_ref().is_some_and(|remote| remote.is_owed(self.admitted.key()))
    }
}

/// Takes a flight off the list when it ends, however it ends.
struct Settled<'a> {
    space: &'a Space,
    asked: &'a Asked<'a>,
    flight: &'a Arc<Flight>,
}

impl Drop for Settled<'_> {
    fn drop(&mut self) {
        self.space.settle(self.asked, self.flight, None);
    }
}

impl From<Entry> for Known {
    fn from(entry: Entry) -> Self {
        entry.value.map_or(Self::Nothing, Self::Value)
    }
}
