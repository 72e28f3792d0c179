//! Rows per second and the time left, from the last few seconds. Pure: it is told the time.

use std::collections::VecDeque;
use std::time::Duration;

use crate::apply::Progress;

/// How far back the rate looks: long enough to hold a VACUUM, short enough to follow the load.
const WINDOW: Duration = Duration::from_secs(15);

/// Remembers how far the backfill was when.
#[derive(Debug, Default)]
pub(super) struct Rate {
    seen: VecDeque<(Duration, u64, u64)>,
}

impl Rate {
    /// Notes how far it is at this time (since the start of this run) and fills in the rate and the time left.
    pub(super) fn note(&mut self, at: Duration, progress: &mut Progress) {
        self.seen.push_back((at, progress.pages, progress.rows));
        // the oldest one kept is the last that lies outside of the window
        while self.seen.get(1).is_some_and(|second| at.saturating_sub(second.0) > WINDOW) {
            self.seen.pop_front();
        }
        let Some((since, pages, rows)) = self.seen.front().copied() else { return };
        let seconds = at.saturating_sub(since).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        progress.rows_per_second = progress.rows.saturating_sub(rows) as f64 / seconds;
        let pages_per_second = progress.pages.saturating_sub(pages) as f64 / seconds;
        let left = progress.pages_total.saturating_sub(progress.pages) as f64;
        progress.seconds_left = (pages_per_second > 0.0).then(|| left / pages_per_second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_pace_gives_its_rate_and_the_time_left() {
        let mut rate = Rate::default();
        let mut progress = Progress { pages_total: 1000, ..Default::default() };
        for second in 0..30u64 {
            progress.pages = second * 10;
            progress.rows = second * 500;
            rate.note(Duration::from_secs(second), &mut progress);
        }
        assert!((progress.rows_per_second - 500.0).abs() < 1.0);
        assert!((progress.seconds_left.unwrap() - 71.0).abs() < 0.5);
        assert!(rate.seen.len() < 20);
    }

    #[test]
    fn nothing_is_foretold_from_one_moment() {
        let mut progress = Progress { pages_total: 10, pages: 5, ..Default::default() };
        Rate::default().note(Duration::ZERO, &mut progress);
        assert_eq!(progress.seconds_left, None);
    }
}
