//! What is counted: for each tenant, and for the line to Redis.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($(#[$of:meta])* $name:ident, $seen:ident { $($(#[$doc:meta])* $field:ident),+ $(,)? }) => {
        $(#[$of])*
        #[derive(Debug, Default)]
        pub(crate) struct $name { $(pub(crate) $field: AtomicU64),+ }

        $(#[$of])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $seen { $($(#[$doc])* pub $field: u64),+ }

        impl $name {
            pub(crate) fn seen(&self) -> $seen {
                $seen { $($field: self.$field.load(Ordering::Relaxed)),+ }
            }
        }

        impl $seen {
            /// Adds another's numbers.
            pub fn add(&mut self, other: &Self) {
                $(self.$field += other.$field;)+
            }

            /// What came since then; everything, if counting began anew.
            pub fn since(&self, before: &Self) -> Self {
                let anew = [$(self.$field < before.$field),+].contains(&true);
                Self { $($field: if anew { self.$field } else { self.$field - before.$field }),+ }
            }
        }
    };
}

counters! {
    /// What one tenant's cache did.
    Counters, Used {
        /// Answered from this process.
        hits,
        /// Answered from Redis.
        remote_hits,
        /// Answered by nobody.
        misses,
        /// Loads that were run.
        loads,
        /// Loads that failed.
        failed_loads,
        /// Answered by a load of somebody else that was under way.
        shared_loads,
        /// Entries that were removed by name, by kind or with all others.
        removals,
        /// Values that were too large to keep.
        too_large,
        /// What came from a load and was not kept, because it was overtaken by a removal.
        overtaken,
    }
}

counters! {
    /// What happened on the line to Redis.
    LineCounters, LineUsed {
        /// Lines that were made.
        connected,
        /// Lines that could not be made.
        refused,
        /// Lines that were lost.
        lost,
        /// Operations that took too long.
        timeouts,
        /// Operations that failed because of the line.
        broken,
        /// Operations that the user may not do: a wrong password, or an ACL.
        denied,
        /// Writes that a read-only replica refused.
        read_only,
        /// Writes that a full server refused.
        out_of_memory,
        /// Other errors.
        errors,
        /// Entries that none of us sealed, or not for that name.
        damaged,
        /// Messages that none of us sealed.
        forged,
        /// Operations that were not tried, because there is no line or a removal did not arrive.
        skipped,
        /// Messages about removals that were heard.
        heard,
    }
}

impl Used {
    /// The part of all requests that no loader was needed for; `None` while there was none.
    pub fn hit_rate(&self) -> Option<f64> {
        let hits = self.hits + self.remote_hits;
        let all = hits + self.misses;
        (all > 0).then(|| hits as f64 / all as f64)
    }
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
