//! Who gets the next server connection: weighted fair queueing between tenants.
//!
//! Start-time fair queueing (P. Goyal, H. M. Vin, H. Cheng: "Start-time Fair Queueing: A Scheduling Algorithm for
//! Integrated Services Packet Switching Networks", SIGCOMM 1996), with a tenant as the flow and the use of a server
//! connection as the packet. Each tenant has a queue of its own, first in, first out. Its first waiter carries a
//! start tag in virtual time; the next served is the eligible tenant with the smallest. A service moves the tenant's
//! tag on by cost / weight, and virtual time is the start tag of the service begun last.
//!
//! What differs from the paper (why stands in docs/adr/0014):
//! - The cost is known only afterwards. A service begins with an estimate, which [`FairQueue::charge`] corrects.
//! - A tenant may be passed over because it is not eligible (at its limit). That time earns it nothing.
//! - What a tenant owes is bounded, so that one very long service cannot shut it out.
//!
//! The queue also keeps one tenant from holding the whole pool ([`FairQueue::pop_sharing`]): a connection in use is
//! not taken back, so order alone does not stop a flood.
//!
//! One thread owns a queue. Nothing here knows what a waiter is, nor the time: a waiter that waited too long is
//! taken out with its [`Ticket`].

mod flow;
mod service;

use std::collections::BTreeSet;
use std::fmt;

use rustc_hash::FxHashMap;
use slotmap::{DefaultKey, SlotMap};
use tenantry_model::Class;

use crate::directory::facts::WEIGHT_MAX;

pub use flow::ESTIMATE_FIRST_MICROS;
use flow::{Counted, Flow, Tag};

/// Most that a tenant of weight 1 can owe, in microseconds of server time: so long, at most, do the others go first.
pub const DEBT_MICROS_MAX: u64 = 10_000_000;

/// Idle tenants remembered for their estimates before the first sweep.
const IDLE_MIN: usize = 1024;

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(DefaultKey);

/// The tenant's queue is full. The waiter comes back, so that it can be told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Full<T> {
    /// Who was not let in.
    pub item: T,
    /// How many wait.
    pub length: u32,
    /// How many may.
    pub limit: u32,
}

impl<T> Full<T> {
    /// The SQLSTATE.
    pub fn sqlstate(&self) -> &'static str {
        "53400"
    }

    /// What the caller can do.
    pub fn hint(&self) -> &'static str {
        "Run fewer statements at once, try again later, or raise the tenant's queue length."
    }

    /// The class of the failure.
    pub fn class(&self) -> Class {
        Class::Quota
    }
}

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tenantry: {} statements of this tenant wait already, and {} may", self.length, self.limit)
    }
}

impl<T> fmt::Debug for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Full").field("length", &self.length).field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl<T> std::error::Error for Full<T> {}

#[derive(Debug)]
struct Waiter<T> {
    item: T,
    tenant: u32,
    before: Option<DefaultKey>,
    after: Option<DefaultKey>,
}

/// The waiters of all tenants for one pool of server connections.
pub struct FairQueue<T> {
    waiters: SlotMap<DefaultKey, Waiter<T>>,
    /// By numbers of our own directory: nobody outside chooses them, so the hash need not withstand anybody.
    flows: FxHashMap<u32, Flow>,
    /// Tenants with waiters by start tag; equal tags in the order they came.
    order: BTreeSet<(Tag, u64, u32)>,
    now: Tag,
    finish_max: Tag,
    sequence: u64,
    in_service: usize,
    sums: Counted,
    sweep_at: usize,
    passed_over: Vec<u32>,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for FairQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut show = f.debug_struct("FairQueue");
        show.field("waiters", &self.len()).field("tenants", &self.waiting_tenants()).finish_non_exhaustive()
    }
}

impl<T> FairQueue<T> {
    /// An empty queue.
    pub fn new() -> Self {
        Self {
            waiters: SlotMap::new(),
            flows: FxHashMap::default(),
            order: BTreeSet::new(),
            now: 0,
            finish_max: 0,
            sequence: 0,
            in_service: 0,
            sums: Counted::default(),
            sweep_at: IDLE_MIN,
            passed_over: Vec::new(),
        }
    }

    /// Puts a waiter at the end of its tenant's queue, if the queue is shorter than the limit.
    pub fn push(&mut self, tenant: u32, weight: u32, item: T, limit: Option<u32>) -> Result<Ticket, Full<T>> {
        if let Some(limit) = limit {
            let length = u32::try_from(self.len_of(tenant)).unwrap_or(u32::MAX);
            if length >= limit {
                return Err(Full { item, length, limit });
            }
        }
        let now = self.arrive(tenant);
        let flow = self.flows.entry(tenant).or_insert_with(Flow::new);
        flow.weight = weight.clamp(1, WEIGHT_MAX);
        let before = flow.ends.map(|(_, last)| last);
        let key = self.waiters.insert(Waiter { item, tenant, before, after: None });
        flow.length += 1;
        match flow.ends {
            Some((first, last)) => {
                flow.ends = Some((first, key));
                self.waiters[last].after = Some(key);
            }
            None => {
                flow.ends = Some((key, key));
                // idleness earns nothing
                flow.floor = now;
                flow.passed_over = false;
                self.sequence += 1;
                flow.sequence = self.sequence;
                self.order.insert((flow.start(), flow.sequence, tenant));
            }
        }
        self.recount(tenant);
        Ok(Ticket(key))
    }

    /// What comes before anybody is let in: room is made, and the present is settled.
    fn arrive(&mut self, tenant: u32) -> Tag {
        if self.flows.len() >= self.sweep_at && !self.flows.contains_key(&tenant) {
            self.forget_idle();
        }
        if self.waiters.is_empty() && self.in_service == 0 {
            // the end of a busy time: all begin equal again
            self.now = self.now.max(self.finish_max);
        }
        self.now
    }

    /// Takes a waiter out. `None` if it was served or taken out already.
    pub fn cancel(&mut self, ticket: Ticket) -> Option<T> {
        let Waiter { item, tenant, before, after } = self.waiters.remove(ticket.0)?;
        self.unlink(tenant, before, after);
        Some(item)
    }

    /// Takes out all waiters of a tenant that may wait no longer, in their order.
    pub fn drain(&mut self, tenant: u32) -> Vec<T> {
        let mut items = Vec::with_capacity(self.len_of(tenant));
        while let Some((first, _)) = self.flows.get(&tenant).and_then(|flow| flow.ends) {
            items.extend(self.cancel(Ticket(first)));
        }
        items
    }

    /// Takes out all waiters of all tenants, in the order of their turns as they are now, without serving anybody:
    /// the server is gone, say.
    pub fn drain_all(&mut self) -> Vec<(u32, T)> {
        let tenants: Vec<u32> = self.order.iter().map(|(_, _, tenant)| *tenant).collect();
        let drained = tenants.into_iter().flat_map(|tenant| {
            let items: Vec<T> = self.drain(tenant);
            items.into_iter().map(move |item| (tenant, item))
        });
        drained.collect()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// How many of one tenant wait.
    pub fn len_of(&self, tenant: u32) -> usize {
        self.flows.get(&tenant).map_or(0, |flow| flow.length)
    }

    /// How many tenants have waiters.
    pub fn waiting_tenants(&self) -> usize {
        self.order.len()
    }

    /// The tenants that have waiters, in the order of their turns, each with how many.
    pub fn waiting(&self) -> impl Iterator<Item = (u32, usize)> {
        self.order.iter().map(|(_, _, tenant)| (*tenant, self.len_of(*tenant)))
    }

    /// Services begun and not settled.
    pub fn in_service(&self) -> usize {
        self.in_service
    }

    /// Services of one tenant begun and not settled: the server connections it holds.
    pub fn in_service_of(&self, tenant: u32) -> usize {
        self.flows.get(&tenant).map_or(0, |flow| flow.assumed.len())
    }

    /// Tenants remembered: those that wait, run, owe something, and some that are idle.
    pub fn remembered(&self) -> usize {
        self.flows.len()
    }

    /// Forgets tenants that are idle and owe nothing. Happens by itself as the queue grows.
    pub fn forget_idle(&mut self) {
        let now = self.now;
        self.flows.retain(|_, flow| !flow.is_idle(now));
        self.sweep_at = (self.flows.len() * 2).max(IDLE_MIN);
    }

    /// Closes the gap a waiter left in its tenant's queue; without waiters the tenant leaves the order.
    fn unlink(&mut self, tenant: u32, before: Option<DefaultKey>, after: Option<DefaultKey>) {
        if let Some(waiter) = before.and_then(|key| self.waiters.get_mut(key)) {
            waiter.after = after;
        }
        if let Some(waiter) = after.and_then(|key| self.waiters.get_mut(key)) {
            waiter.before = before;
        }
        let Some(flow) = self.flows.get_mut(&tenant) else { return };
        flow.length -= 1;
        flow.ends = match (flow.ends, before, after) {
            (Some((_, last)), None, Some(first)) => Some((first, last)),
            (Some((first, _)), Some(last), None) => Some((first, last)),
            (ends, Some(_), Some(_)) => ends,
            _ => None,
        };
        if flow.ends.is_none() {
            self.order.remove(&(flow.start(), flow.sequence, tenant));
        }
        self.recount(tenant);
    }

    /// Brings the sums up to date after a tenant changed.
    fn recount(&mut self, tenant: u32) {
        if let Some(flow) = self.flows.get_mut(&tenant) {
            let new = flow.count();
            self.sums.replace(std::mem::replace(&mut flow.counted, new), new);
        }
    }
}
