//! What was added since one last looked: the part that metrics and roll-ups share.

use std::collections::HashMap;

use super::Counters;
use crate::directory::{Directory, Observed};

/// Remembers the totals of every tenant that ever used something, as long as the directory does.
#[derive(Debug, Default)]
pub(super) struct Deltas {
    seen: HashMap<u32, Seen>,
    round: u64,
}

#[derive(Debug)]
struct Seen {
    total: Counters,
    round: u64,
}

impl Deltas {
    /// Shows every tenant that used something since the last call, with what it used. Each is shown once, by the
    /// number of its entry: a tenant that left and came back has two.
    pub(super) fn each(&mut self, directory: &Directory, mut visit: impl FnMut(Observed<'_>, &Counters)) {
        self.round += 1;
        let round = self.round;
        directory.each(|tenant| {
            let total = tenant.usage().snapshot();
            let seen = match self.seen.get_mut(&tenant.number()) {
                Some(seen) => seen,
                // most tenants of a large installation never come by: they cost nothing here
                None if total == Counters::default() => return,
                None => self.seen.entry(tenant.number()).or_insert(Seen { total: Counters::default(), round }),
            };
            let used = total.since(&seen.total);
            *seen = Seen { total, round };
            if used != Counters::default() {
                visit(tenant, &used);
            }
        });
        self.seen.retain(|_, seen| seen.round == round);
    }
}
