//! What tenants used: counted without locks where it happens, read by [`Top`] for metrics and [`RollUp`] for history.
//!
//! Counts are kept in memory only. Who must not lose them takes roll-ups often, and one before the process ends.

mod deltas;
mod roll_up;
mod top;

pub use roll_up::RollUp;
pub use top::Top;

use std::sync::atomic::{AtomicU64, Ordering};

/// Declares the counters once: live and as plain numbers.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What one tenant used since its entry was made. Shared by all threads; adding never waits.
        #[derive(Debug, Default)]
        pub struct TenantUsage {
            $($name: AtomicU64,)*
            last_seen: AtomicU64,
        }

        /// The counters as plain numbers: a total, a difference, or what one transaction adds.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl TenantUsage {
            /// Adds what was used; zeros cost nothing. `now_micros` is the caller's clock, for `last_seen_micros`.
            pub fn add(&self, used: &Counters, now_micros: u64) {
                $(if used.$name != 0 { self.$name.fetch_add(used.$name, Ordering::Relaxed); })*
                if self.last_seen.load(Ordering::Relaxed) < now_micros {
                    self.last_seen.fetch_max(now_micros, Ordering::Relaxed);
                }
            }

            /// The totals now. Each number is right; together they may be of slightly different moments.
            pub fn snapshot(&self) -> Counters {
                Counters { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }

        impl Counters {
            /// What was added since an earlier snapshot of the same tenant.
            pub fn since(&self, earlier: &Self) -> Self {
                Self { $($name: self.$name.saturating_sub(earlier.$name),)* }
            }

            /// Adds another's numbers; stays at the top instead of wrapping.
            pub fn absorb(&mut self, other: &Self) {
                $(self.$name = self.$name.saturating_add(other.$name);)*
            }

            /// Name and number of each counter, for whoever writes them out.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Statements that ended, well or not.
    statements,
    /// Transactions that ended.
    transactions,
    /// Rows sent to clients.
    rows,
    /// Bytes from clients.
    bytes_in,
    /// Bytes to clients.
    bytes_out,
    /// Microseconds of server connections, the currency of fairness.
    server_micros,
    /// Statements that failed.
    errors,
    /// Times somebody waited in the queue.
    waits,
    /// Microseconds waited.
    wait_micros,
    /// Refused for a limit, a full queue or a state.
    refused,
    /// Cut for taking too long.
    timeouts,
    /// Connections opened by clients.
    connections,
    /// HTTP requests that were passed on.
    requests,
}

impl TenantUsage {
    /// When something was last added, on the caller's clock; 0 for never.
    pub fn last_seen_micros(&self) -> u64 {
        self.last_seen.load(Ordering::Relaxed)
    }
}
