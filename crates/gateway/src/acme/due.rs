//! Which name is next: pure, so that a year can be looked at in a test.

use std::collections::HashMap;

/// The first wait after a failure, in seconds; each further one doubles it.
const WAIT_FIRST: i64 = 60;
/// The longest.
const WAIT_MAX: i64 = 24 * 3600;

/// What is had of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) not_before: i64,
    pub(super) not_after: i64,
}

impl Held {
    /// A third of its time before its end.
    fn renew_at(&self) -> i64 {
        self.not_after - (self.not_after - self.not_before) / 3
    }
}

/// What was tried in vain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tried {
    failures: u32,
    again_at: i64,
}

impl Tried {
    pub(super) fn failed(&mut self, now: i64) {
        let wait = WAIT_FIRST.checked_shl(self.failures).unwrap_or(WAIT_MAX).clamp(WAIT_FIRST, WAIT_MAX);
        self.failures = (self.failures + 1).min(20);
        self.again_at = now + wait;
    }

    pub(super) fn again_at(&self) -> i64 {
        self.again_at
    }
}

/// The name that is due: first those without a certificate, then the one whose certificate ends first.
pub(super) fn next(
    names: &[String],
    held: &HashMap<String, Held>,
    tried: &HashMap<String, Tried>,
    now: i64,
) -> Option<String> {
    let may = |name: &&String| tried.get(*name).is_none_or(|t| t.again_at <= now);
    let is_due = |name: &&String| held.get(*name).is_none_or(|h| h.renew_at() <= now);
    let end = |name: &&String| held.get(*name).map_or(i64::MIN, |h| h.not_after);
    names.iter().filter(may).filter(is_due).min_by_key(end).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ones_first_then_whatever_ends_and_failures_wait_longer_each_time() {
        let names = ["a", "b", "c"].map(str::to_owned);
        let mut held = HashMap::new();
        let mut tried: HashMap<String, Tried> = HashMap::new();
        assert_eq!(next(&names, &held, &tried, 0).as_deref(), Some("a"));
        held.insert("a".to_owned(), Held { not_before: 0, not_after: 900 });
        held.insert("b".to_owned(), Held { not_before: 0, not_after: 600 });
        assert_eq!(next(&names, &held, &tried, 10).as_deref(), Some("c"));
        let mut at = 10;
        let mut waits = Vec::new();
        for _ in 0..14 {
            let failed = tried.entry("c".to_owned()).or_default();
            failed.failed(at);
            waits.push(failed.again_at() - at);
            at = failed.again_at();
        }
        assert_eq!((waits[0], waits[1], waits[13]), (60, 120, WAIT_MAX));
        assert_eq!(next(&names, &held, &tried, 399), None, "nothing is due, and c has to wait");
        assert_eq!(next(&names, &held, &tried, 400).as_deref(), Some("b"), "a third before its end");
        assert_eq!(next(&names, &held, &tried, 700).as_deref(), Some("b"), "the one that ended comes first");
        tried.remove("c");
        assert_eq!(next(&names, &held, &tried, 700).as_deref(), Some("c"));
    }
}
