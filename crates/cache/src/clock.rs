//! The one place that reads a clock, so that tests can move time instead of waiting for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds on a clock that never goes back, and Unix time for what leaves the process.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Real(Instant),
    Moved { milliseconds: Arc<AtomicU64>, begin: u64 },
}

impl Default for Clock {
    fn default() -> Self {
        Self(Kind::Real(Instant::now()))
    }
}

impl Clock {
    /// A clock that stands still until it is moved.
    pub fn still() -> Self {
        Self(Kind::Moved { milliseconds: Arc::new(AtomicU64::new(1)), begin: unix() })
    }

    /// Moves a clock that stands still, with all its clones; a real one takes no notice.
    pub fn advance(&self, by: Duration) {
        if let Kind::Moved { milliseconds, .. } = &self.0 {
            milliseconds.fetch_add(millis(by), Ordering::Relaxed);
        }
    }

    pub(crate) fn now(&self) -> u64 {
        match &self.0 {
            Kind::Real(begin) => millis(begin.elapsed()),
            Kind::Moved { milliseconds, .. } => milliseconds.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn unix(&self) -> u64 {
        match &self.0 {
            Kind::Real(_) => unix(),
            Kind::Moved { milliseconds, begin } => begin + milliseconds.load(Ordering::Relaxed),
        }
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}
