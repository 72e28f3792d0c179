//! How big the next batch is, and how long to rest before it. Pure: it is told how long things took.
//!
//! A batch keeps its rows locked until it is committed, so the length of a batch is the longest a writer waits. The
//! commit itself waits for the disk, which smaller batches do not make quicker: it counts for the rest, not for the size.

use std::time::Duration;

/// How long the work of a batch should take.
pub(super) const TARGET: Duration = Duration::from_millis(40);

/// Pages of the first batch: a careful start.
const PAGES_FIRST: u32 = 16;

/// Most pages of a batch. About 40 is what ordinary rows come to; narrow ones fit more into the target.
const PAGES_MAX: u32 = 120;

/// Longest rest.
const REST_MAX: Duration = Duration::from_secs(2);

/// The size of batches, adapted to how long they take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pages: u32,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { pages: PAGES_FIRST }
    }

    /// Pages of the next batch.
    pub(super) fn pages(&self) -> u32 {
        self.pages
    }

    /// A batch took this long and its commit so much more; `crowded` says that somebody was waiting for it. Gives the
    /// rest before the next.
    pub(super) fn after(&mut self, took: Duration, flush: Duration, crowded: bool) -> Duration {
        let ratio = took.as_secs_f64() / TARGET.as_secs_f64();
        if ratio > 1.0 {
            self.pages = ((f64::from(self.pages) / ratio.min(4.0)) as u32).max(1);
        } else if ratio < 0.7 && !crowded {
            self.pages = (self.pages + self.pages / 4 + 1).min(PAGES_MAX);
        }
        if crowded {
            self.pages = (self.pages - self.pages / 4).max(1);
        }
        match (ratio > 4.0, crowded) {
            // four times too long: the server is short of something, and we are not the ones to need it most
            (true, _) => took.min(REST_MAX),
            // the disk is behind: its next turn is for those who commit a row
            _ if flush > TARGET => flush.min(REST_MAX),
            (false, true) => TARGET.min(took),
            (false, false) => Duration::ZERO,
        }
    }

    /// A batch met a lock that was not free in time: the next is smaller, so that it meets fewer.
    pub(super) fn refused(&mut self) {
        self.pages = (self.pages / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_millis(10);

    #[test]
    fn quick_batches_grow_to_a_bound_and_slow_ones_shrink_at_once() {
        let mut pace = Pace::new();
        for _ in 0..100 {
            assert_eq!(pace.after(QUICK, QUICK, false), Duration::ZERO);
        }
        assert_eq!(pace.pages(), PAGES_MAX);
        pace.after(TARGET * 3, QUICK, false);
        assert_eq!(pace.pages(), PAGES_MAX / 3);
    }

    #[test]
    fn a_batch_in_target_stays_as_it_is() {
        let mut pace = Pace::new();
        pace.after(TARGET.mul_f64(0.8), QUICK, false);
        assert_eq!(pace.pages(), PAGES_FIRST);
    }

    #[test]
    fn others_waiting_means_less_and_a_rest() {
        let mut pace = Pace::new();
        assert!(pace.after(QUICK, QUICK, true) > Duration::ZERO);
        assert!(pace.pages() < PAGES_FIRST);
    }

    #[test]
    fn a_disk_that_is_behind_gets_a_rest_and_batches_keep_their_size() {
        let mut pace = Pace::new();
        assert_eq!(pace.after(TARGET.mul_f64(0.8), TARGET * 3, false), TARGET * 3);
        assert_eq!(pace.pages(), PAGES_FIRST);
        assert_eq!(pace.after(TARGET.mul_f64(0.8), Duration::from_secs(60), false), REST_MAX);
    }

    #[test]
    fn an_overloaded_server_is_left_alone_for_a_while_but_never_for_good() {
        let mut pace = Pace::new();
        for _ in 0..100 {
            let rest = pace.after(Duration::from_secs(60), QUICK, true);
            assert!(rest > TARGET && rest <= REST_MAX && pace.pages() >= 1);
        }
        for _ in 0..100 {
            pace.refused();
        }
        assert_eq!(pace.pages(), 1);
    }
}
