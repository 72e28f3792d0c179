//! Whose the bytes of the first level are: a fair share for everybody, the rest for whoever asks first.
//!
//! While there is room, a tenant may take it all. Once there is none, who has less than its share takes from those who
//! have most over theirs, until it has its share; who has its share makes room among its own entries. So one tenant
//! that fills the cache costs others nothing they could not have back with their next entry. Pure.

use std::collections::{BTreeSet, HashMap};

/// Least that is granted at once, so that a growing space does not ask for every entry.
const STEP_MIN: u64 = 4 << 10;
/// Most that is granted at once.
const STEP_MAX: u64 = 1 << 20;

/// Who holds how much.
#[derive(Debug)]
pub(crate) struct Shares {
    total: u64,
    free: u64,
    weights: u64,
    holders: HashMap<u32, Holder>,
    /// Bytes per weight, then whose: the last is most over its share.
    order: BTreeSet<(u64, u32)>,
    fair: bool,
}

#[derive(Clone, Copy, Debug)]
struct Holder {
    granted: u64,
    weight: u64,
}

impl Holder {
    fn place(&self, who: u32) -> (u64, u32) {
        (self.granted / self.weight, who)
    }
}

/// What an answer changes: the holder, and what it may hold from now on.
pub(crate) type Change = (u32, u64);

impl Shares {
    /// So many bytes for all. Without `fair` nobody gives anything back, which only tests want.
    pub(crate) fn new(total: u64, fair: bool) -> Self {
        Self { total, free: total, weights: 0, holders: HashMap::new(), order: BTreeSet::new(), fair }
    }

    /// Somebody takes part, holding nothing.
    pub(crate) fn enter(&mut self, who: u32, weight: u32) {
        self.leave(who);
        let holder = Holder { granted: 0, weight: u64::from(weight.max(1)) };
        self.weights += holder.weight;
        self.order.insert(holder.place(who));
        self.holders.insert(who, holder);
    }

    /// Somebody is gone; what it held is free.
    pub(crate) fn leave(&mut self, who: u32) {
        if let Some(holder) = self.holders.remove(&who) {
            self.order.remove(&holder.place(who));
            self.weights -= holder.weight;
            self.free += holder.granted;
        }
    }

    /// Somebody needs so many bytes more. Says what changes, the asker last, if anything does.
    pub(crate) fn ask(&mut self, who: u32, bytes: u64) -> Vec<Change> {
        let Some(holder) = self.holders.get(&who).copied() else { return Vec::new() };
        let share = self.share(&holder);
        let step = (share / 8).clamp(STEP_MIN, STEP_MAX).max(bytes);
        let mut changes = Vec::new();
        let mut got = step.min(self.free);
        self.free -= got;
        let room = if self.fair { share.saturating_sub(holder.granted + got) } else { 0 };
        let mut wanted = bytes.max(STEP_MIN).saturating_sub(got).min(room);
        while wanted > 0 {
            let Some(&(_, most)) = self.order.last() else { break };
            let over = self.holders.get(&most).map_or(0, |h| h.granted.saturating_sub(self.share(h)));
            let taken = over.min(wanted);
            if most == who || taken == 0 {
                break;
            }
            changes.push((most, self.set(most, |granted| granted - taken)));
            got += taken;
            wanted -= taken;
        }
        if got > 0 {
            changes.push((who, self.set(who, |granted| granted + got)));
        }
        changes
    }

    /// Somebody holds no more than this; the rest is free.
    pub(crate) fn shrink(&mut self, who: u32, to: u64) -> Option<Change> {
        let granted = self.holders.get(&who)?.granted;
        let to = to.div_ceil(STEP_MIN).saturating_mul(STEP_MIN);
        if to >= granted {
            return None;
        }
        self.free += granted - to;
        Some((who, self.set(who, |_| to)))
    }

    fn share(&self, holder: &Holder) -> u64 {
        // a share of u64 bytes by a weight of at most a thousand: 128 bits hold the product
        (u128::from(self.total) * u128::from(holder.weight) / u128::from(self.weights.max(1))) as u64
    }

    fn set(&mut self, who: u32, to: impl FnOnce(u64) -> u64) -> u64 {
        let Some(holder) = self.holders.get_mut(&who) else { return 0 };
        self.order.remove(&holder.place(who));
        holder.granted = to(holder.granted);
        self.order.insert(holder.place(who));
        holder.granted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn held(shares: &Shares, who: u32) -> u64 {
        shares.holders[&who].granted
    }

    #[test]
    fn alone_a_tenant_takes_all_and_gives_back_half() {
        let mut shares = Shares::new(8 << 20, true);
        shares.enter(1, 1);
        while !shares.ask(1, 1000).is_empty() {}
        assert_eq!(held(&shares, 1), 8 << 20);
        shares.enter(2, 1);
        while !shares.ask(2, 1000).is_empty() {}
        assert_eq!((held(&shares, 1), held(&shares, 2)), (4 << 20, 4 << 20));
        assert!(shares.ask(1, 1000).is_empty(), "who has its share takes from nobody");
        shares.leave(2);
        while !shares.ask(1, 1000).is_empty() {}
        assert_eq!(held(&shares, 1), 8 << 20);
    }

    #[test]
    fn weights_count() {
        let mut shares = Shares::new(4 << 20, true);
        for (who, weight) in [(1, 3), (2, 1)] {
            shares.enter(who, weight);
        }
        for _ in 0..1000 {
            shares.ask(2, 5000);
        }
        for _ in 0..1000 {
            shares.ask(1, 5000);
        }
        assert_eq!((held(&shares, 1), held(&shares, 2)), (3 << 20, 1 << 20));
    }

    #[test]
    fn what_is_not_used_is_free_again() {
        let mut shares = Shares::new(1 << 20, true);
        shares.enter(1, 1);
        shares.ask(1, 1 << 20);
        assert_eq!(shares.shrink(1, 5000), Some((1, 8192)));
        assert_eq!(shares.free, (1 << 20) - 8192);
        assert_eq!(shares.shrink(1, 9000), None);
    }

    proptest! {
        #[test]
        fn nothing_is_granted_twice(deeds in proptest::collection::vec((0u32..6, 0u8..4, 1u64..200_000), 1..200)) {
            let mut shares = Shares::new(1 << 20, true);
            for (who, deed, bytes) in deeds {
                match deed {
                    0 if !shares.holders.contains_key(&who) => shares.enter(who, who + 1),
                    1 => shares.leave(who),
                    2 => { shares.shrink(who, bytes); }
                    _ => { shares.ask(who, bytes); }
                }
                let granted: u64 = shares.holders.values().map(|h| h.granted).sum();
                prop_assert_eq!(granted + shares.free, 1 << 20);
                prop_assert_eq!(shares.order.len(), shares.holders.len());
            }
        }

        #[test]
        fn whoever_asks_reaches_its_share(weights in proptest::collection::vec(1u32..10, 2..8), flood in 0usize..8) {
            let mut shares = Shares::new(8 << 20, true);
            for (who, weight) in (0..).zip(&weights) {
                shares.enter(who, *weight);
            }
            let flood = (flood % weights.len()) as u32;
            for _ in 0..10_000 {
                shares.ask(flood, 3000);
            }
            let sum: u64 = weights.iter().map(|w| u64::from(*w)).sum();
            for (who, weight) in (0..).zip(&weights) {
                while !shares.ask(who, 3000).is_empty() {}
                let share = (8u64 << 20) * u64::from(*weight) / sum;
                prop_assert!(held(&shares, who) + STEP_MIN >= share, "{} of {}", held(&shares, who), share);
            }
        }
    }
}
