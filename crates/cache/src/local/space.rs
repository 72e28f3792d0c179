//! What is remembered of one tenant, and what is being loaded for it.
//!
//! A value is kept only under the lock that a removal takes, and only if none came since its load began: a value from
//! before a removal cannot come back after it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;
use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tenantry_edge::admission::Admitted;

use super::flight::{Flight, Lead};
use crate::ablation::{Protection, Removed};
use crate::counters::Counters;
use crate::key::{Asked, Kept};
use crate::seal::Generation;
use crate::secret::{Name, Owner};

/// What an entry costs beside its key and value.
const ENTRY_BYTES: u64 = 160;
/// What a space begins with, and never goes below: its own proportions are kept as parts of it.
const CAPACITY_FIRST: u64 = 1000;
/// How many entries a space is laid out for at first; it grows.
const ENTRIES_FIRST: usize = 16;

/// Most kinds whose generations are known.
const KINDS_MAX: usize = 1024;

/// A remembered value; `None` is the knowledge that there is nothing.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) value: Option<Bytes>,
    /// Milliseconds on the cache's clock.
    pub(crate) ends: u64,
    pub(crate) stored: u64,
}

#[derive(Clone)]
struct Weigh;

impl Weighter<Kept, Entry> for Weigh {
    fn weight(&self, key: &Kept, entry: &Entry) -> u64 {
        ENTRY_BYTES + (key.bytes() + entry.value.as_ref().map_or(0, Bytes::len)) as u64
    }
}

/// One tenant's part of the first level.
pub(crate) struct Space {
    pub(crate) admitted: Admitted,
    pub(crate) sealing: hmac::Key,
    pub(crate) generation: Name,
    pub(crate) owner: Owner,
    pub(crate) counters: Counters,
    entries: Cache<Kept, Entry, Weigh>,
    granted: AtomicU64,
    under_way: Mutex<UnderWay>,
    removed: Removed,
}

#[derive(Default)]
struct UnderWay {
    flights: HashMap<Kept, Arc<Flight>>,
    removals: u64,
    generations: HashMap<Box<str>, Arc<Generations>>,
}

/// Which entries of a kind count in Redis, as it was last asked for; a removal of the kind, or of all, forgets it.
#[derive(Debug)]
pub(crate) struct Generations {
    /// Of which line.
    pub(crate) epoch: u64,
    pub(crate) of_tenant: Vec<u8>,
    pub(crate) of_kind: Vec<u8>,
    pub(crate) kind_name: String,
    pub(crate) mixed: Generation,
}

/// What a caller is to do about an entry that is not here.
pub(crate) enum Role {
    /// It is here after all.
    Found,
    /// Load it.
    Lead(Lead),
    /// Wait for who does.
    Wait(Arc<Flight>),
}

impl Space {
    pub(crate) fn new(
        admitted: Admitted,
        sealing: hmac::Key,
        generation: Name,
        owner: Owner,
        removed: Removed,
    ) -> Self {
        Self {
            admitted,
            sealing,
            generation,
            owner,
            counters: Counters::default(),
            entries: Cache::with_weighter(ENTRIES_FIRST, CAPACITY_FIRST, Weigh),
            granted: AtomicU64::new(0),
            under_way: Mutex::default(),
            removed,
        }
    }

    pub(crate) fn number(&self) -> u32 {
        self.admitted.number()
    }

    /// What is remembered and still counts.
    pub(crate) fn find(&self, asked: &Asked<'_>, now: u64) -> Option<Entry> {
        self.entries.get(asked).filter(|entry| now < entry.ends)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.entries.weight()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.lock().flights.is_empty()
    }

    /// Bytes that are missing for one more entry of this size.
    pub(crate) fn missing(&self, key: &Asked<'_>, value: Option<&Bytes>) -> u64 {
        let weight = ENTRY_BYTES + (key.key.kind.len() + key.key.id.len() + value.map_or(0, Bytes::len)) as u64;
        (self.entries.weight() + weight).saturating_sub(self.granted.load(Ordering::Relaxed))
    }

    /// So much may be held from now on; what is over is forgotten.
    pub(crate) fn grant(&self, bytes: u64) {
        self.granted.store(bytes, Ordering::Relaxed);
        self.entries.set_capacity(bytes.max(CAPACITY_FIRST));
    }

    /// Joins a load, or begins one.
    pub(crate) fn join(&self, asked: &Asked<'_>, here: impl FnOnce() -> bool) -> Role {
        let mut under_way = self.lock();
        if here() {
            return Role::Found;
        }
        let kept = asked.kept();
        if let Some(flight) = under_way.flights.get(&kept) {
            return Role::Wait(flight.clone());
        }
        let lead = Lead::new();
        under_way.flights.insert(kept, lead.flight.clone());
        Role::Lead(lead)
    }

    /// Begins a write: whatever is under way for this entry is overtaken, and who asks waits for the write.
    pub(crate) fn write(&self, asked: &Asked<'_>) -> Lead {
        let mut under_way = self.lock();
        self.remove_locked(&mut under_way, asked);
        let lead = Lead::new();
        under_way.flights.insert(asked.kept(), lead.flight.clone());
        lead
    }

    /// Ends a flight, and keeps what it brought unless it was overtaken. Says whether it was kept.
    pub(crate) fn settle(&self, asked: &Asked<'_>, flight: &Arc<Flight>, entry: Option<Entry>) -> bool {
        let mut under_way = self.lock();
        let kept = asked.kept();
        if under_way.flights.get(&kept).is_some_and(|known| Arc::ptr_eq(known, flight)) {
            under_way.flights.remove(&kept);
        }
        let Some(entry) = entry else { return false };
        if flight.is_overtaken() && !self.removed.has(Protection::Overtaken) {
            return false;
        }
        self.entries.insert(kept, entry);
        true
    }

    /// How many removals there were: for [`keep_since`](Self::keep_since).
    pub(crate) fn removals(&self) -> u64 {
        self.lock().removals
    }

    /// Keeps an entry that was looked up, unless something was removed since.
    pub(crate) fn keep_since(&self, removals: u64, asked: &Asked<'_>, entry: Entry) {
        let under_way = self.lock();
        if under_way.removals == removals {
            self.entries.insert(asked.kept(), entry);
        }
    }

    /// How many removals there were, and the generations of a kind, if they are known on this line.
    pub(crate) fn view(&self, kind: &str, epoch: u64) -> (u64, Option<Arc<Generations>>) {
        let under_way = self.lock();
        (under_way.removals, under_way.generations.get(kind).filter(|known| known.epoch == epoch).cloned())
    }

    /// Keeps what was asked for, unless something was removed since.
    pub(crate) fn keep_generations_since(&self, removals: u64, kind: &str, known: &Arc<Generations>) {
        let mut under_way = self.lock();
        if under_way.removals != removals {
            return;
        }
        if under_way.generations.len() >= KINDS_MAX {
            under_way.generations.clear();
        }
        under_way.generations.insert(kind.into(), known.clone());
    }

    /// They are not what Redis has any more.
    pub(crate) fn forget_generations(&self, kind: &str) {
        self.lock().generations.remove(kind);
    }

    /// Forgets one entry, and what is being loaded for it.
    pub(crate) fn remove(&self, asked: &Asked<'_>) {
        self.remove_locked(&mut self.lock(), asked);
    }

    fn remove_locked(&self, under_way: &mut UnderWay, asked: &Asked<'_>) {
        under_way.removals += 1;
        if let Some(flight) = under_way.flights.remove(&asked.kept()) {
            flight.overtake();
        }
        self.entries.remove(asked);
    }

    /// Forgets all entries of a kind.
    pub(crate) fn remove_kind(&self, kind: &str) {
        let mut under_way = self.lock();
        under_way.removals += 1;
        under_way.flights.retain(|key, flight| {
            let stays = &*key.kind != kind;
            if !stays {
                flight.overtake();
            }
            stays
        });
        under_way.generations.remove(kind);
        self.entries.retain(|key, _| &*key.kind != kind);
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        let mut under_way = self.lock();
        under_way.removals += 1;
        under_way.flights.drain().for_each(|(_, flight)| flight.overtake());
        under_way.generations.clear();
        self.entries.clear();
    }

    /// Forgets what is over.
    pub(crate) fn sweep(&self, now: u64) {
        self.entries.retain(|_, entry| now < entry.ends);
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        // the map is whole between two calls, so a panic elsewhere leaves nothing half done
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
