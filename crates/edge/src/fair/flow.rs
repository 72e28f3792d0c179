//! One tenant in the queue: its tags, what its running services were assumed to cost, and both ends of its waiters.

use std::collections::VecDeque;

use slotmap::DefaultKey;

use crate::directory::facts::WEIGHT_MAX;

/// What a service is assumed to cost while nothing is known of the tenant, in microseconds.
pub const ESTIMATE_FIRST_MICROS: u64 = 1000;

/// The estimate moves an eighth of the way to each new cost.
const ESTIMATE_SHIFT: u32 = 3;

/// Virtual time per microsecond of server time at weight 1. It keeps a microsecond at the highest weight above zero.
const SCALE: u128 = WEIGHT_MAX as u128 * 16;

/// A point in virtual time. 128 bits: never reset, never full.
pub(super) type Tag = u128;

#[derive(Debug)]
pub(super) struct Flow {
    /// Ends of the chain of waiters; both or none.
    pub(super) ends: Option<(DefaultKey, DefaultKey)>,
    pub(super) length: usize,
    /// 1 to [`WEIGHT_MAX`].
    pub(super) weight: u32,
    /// Where its last service ends in virtual time, as far as known.
    pub(super) finish: Tag,
    /// Virtual time when its first waiter came, or when it was last passed over: no start tag lies before.
    pub(super) floor: Tag,
    /// When it came to its place in the order; equal start tags are served in this sequence.
    pub(super) sequence: u64,
    /// Passed over since its last service because it was not eligible, or at its share.
    pub(super) passed_over: bool,
    /// Said to be not eligible when last asked: it waits for itself, and nobody needs to give way.
    pub(super) blocked: bool,
    /// What it adds to the sums of the queue.
    pub(super) counted: Counted,
    /// Expected cost of its next service.
    pub(super) estimate_micros: u64,
    /// What its running services were assumed to cost, oldest first.
    pub(super) assumed: VecDeque<Tag>,
}

/// Sums over tenants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Weights of those that wait or run.
    pub(super) weight: u64,
    /// Those that wait.
    pub(super) wanting: usize,
}

impl Counted {
    /// Replaces one tenant's part of the sums.
    pub(super) fn replace(&mut self, old: Self, new: Self) {
        self.weight = self.weight - old.weight + new.weight;
        self.wanting = self.wanting - old.wanting + new.wanting;
    }
}

impl Flow {
    pub(super) fn new() -> Self {
        Self {
            ends: None,
            length: 0,
            weight: 1,
            finish: 0,
            floor: 0,
            sequence: 0,
            passed_over: false,
            blocked: false,
            counted: Counted::default(),
            estimate_micros: ESTIMATE_FIRST_MICROS,
            assumed: VecDeque::new(),
        }
    }

    /// Start tag of the first waiter.
    pub(super) fn start(&self) -> Tag {
        self.finish.max(self.floor)
    }

    /// What it should add to the sums: nothing while it is blocked, or neither waits nor runs.
    pub(super) fn count(&self) -> Counted {
        let (waits, runs) = (self.ends.is_some(), !self.assumed.is_empty());
        if self.blocked || !(waits || runs) {
            return Counted::default();
        }
        Counted { weight: self.weight.into(), wanting: usize::from(waits) }
    }

    /// Has neither waiters nor services, and owes nothing: forgetting it changes nobody's turn.
    pub(super) fn is_idle(&self, now: Tag) -> bool {
        self.ends.is_none() && self.assumed.is_empty() && self.finish <= now
    }

    pub(super) fn learn(&mut self, micros: u64) {
        let (old, new) = (i128::from(self.estimate_micros), i128::from(micros));
        let next = old + ((new - old) >> ESTIMATE_SHIFT);
        self.estimate_micros = u64::try_from(next).unwrap_or(u64::MAX).max(1);
    }
}

/// Server time in virtual time. Nothing is free: a service without cost would let its tenant stay first for ever.
pub(super) fn virtual_cost(micros: u64, weight: u32) -> Tag {
    u128::from(micros.max(1)) * SCALE / u128::from(weight.clamp(1, WEIGHT_MAX))
}
