//! The second level: Redis or Valkey, one server, reached over one line.
//!
//! [`mod@line`] keeps the line, [`gather`] lets looks go together, [`operations`] are what is done over it, [`owed`] are removals that did not arrive,
//! [`scripts`] run in the server. Nothing here fails the application: without a line, or when an operation takes too
//! long, the answer is that nothing is known.

mod gather;
mod line;
mod operations;
mod owed;
mod scripts;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};

use crate::ablation::Removed;
use crate::clock::{Clock, millis};
use crate::counters::LineCounters;
use crate::secret::{Keys, NAME_LENGTH, Name, fill};
use crate::settings::{Redis, Settings};

pub use operations::Reach;
#[cfg(test)]
pub(crate) use operations::mix;
pub(crate) use operations::{Looked, Ticket};

use line::Line;
use owed::Owed;

/// There is a line.
const UP: u64 = u64::MAX;
/// Operations in a row that may take too long before the line is made anew.
const FAILURES_MAX: u32 = 3;

/// The second level.
pub(crate) struct Remote {
    settings: Redis,
    keys: Arc<Keys>,
    clock: Clock,
    removed: Removed,
    offline_ttl: u64,
    /// Tells our own messages from others'.
    me: String,
    line: ArcSwapOption<Line>,
    /// When the line was lost, on the cache's clock; [`UP`] while there is one.
    lost_at: AtomicU64,
    failures: AtomicU32,
    next_epoch: AtomicU64,
    broken: Notify,
    up: watch::Sender<bool>,
    owed: Owed,
    pub(crate) counters: LineCounters,
}

impl Remote {
    pub(crate) fn new(redis: Redis, keys: Arc<Keys>, settings: &Settings) -> Self {
        let mut me = [0; 16];
        fill(&mut me);
        Self {
            settings: redis,
            keys,
            clock: settings.clock.clone(),
            removed: settings.removed,
            offline_ttl: millis(settings.offline_ttl),
            me: me.iter().map(|b| format!("{b:02x}")).collect(),
            line: ArcSwapOption::empty(),
            lost_at: AtomicU64::new(0),
            failures: AtomicU32::new(0),
            next_epoch: AtomicU64::new(0),
            broken: Notify::new(),
            up: watch::channel(false).0,
            owed: Owed::default(),
            counters: LineCounters::default(),
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.lost_at.load(Ordering::Acquire) == UP
    }

    pub(crate) async fn connected(&self) {
        // the sender lives as long as we do
        let _ = self.up.subscribe().wait_for(|up| *up).await;
    }

    /// Whether an entry of the first level counts: always while removals are heard, and for a while after that.
    pub(crate) fn believes(&self, stored: u64, now: u64) -> bool {
        let lost = self.lost_at.load(Ordering::Acquire);
        lost == UP || now <= lost.max(stored).saturating_add(self.offline_ttl)
    }

    fn name(&self, letter: char, name: &Name) -> String {
        let mut out = String::with_capacity(self.settings.prefix.len() + 2 + NAME_LENGTH);
        out.push_str(&self.settings.prefix);
        out.push(letter);
        out.push(':');
        name.write(&mut out);
        out
    }
}
