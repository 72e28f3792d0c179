//! Waiting for what another process does, which nothing tells us about: look again and again, up to a bound.

use std::time::{Duration, Instant};

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Whether `done` came true within `limit`.
pub(crate) fn until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while !done() {
        if begin.elapsed() > limit {
            return false;
        }
        #[expect(clippy::disallowed_methods, reason = "the condition is looked at in between, and `limit` bounds it")]
        std::thread::sleep(LOOK_EVERY);
    }
    true
}
