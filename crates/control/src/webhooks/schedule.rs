//! When a delivery that failed is tried again.

use std::time::Duration;

/// Pauses in seconds, as Standard Webhooks suggests them: ten tries in a bit more than three days.
pub(super) const RETRIES: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// Longest pause that an endpoint may ask for.
const ASKED_MAX: Duration = Duration::from_secs(86_400);
/// A pause is longer by up to this part of it, so that what failed together does not come back together.
const JITTER: f64 = 0.2;

/// What comes after a try that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another try after this pause.
    In(Duration),
    /// No more tries.
    Dead,
}

/// After `attempts` tries, the last of which failed. `asked` is the endpoint's `Retry-After`, `chance` lies in 0..1.
pub(super) fn after(retries: &[Duration], attempts: u32, asked: Option<Duration>, chance: f64) -> Next {
    let place = usize::try_from(attempts.max(1) - 1).unwrap_or(usize::MAX);
    let Some(pause) = retries.get(place) else { return Next::Dead };
    let pause = pause.mul_f64(1.0 + JITTER * chance.clamp(0.0, 1.0));
    Next::In(pause.max(asked.unwrap_or_default().min(ASKED_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn pauses_grow_and_end() {
        let retries = RETRIES.map(s);
        assert_eq!(after(&retries, 1, None, 0.0), Next::In(s(5)));
        assert_eq!(after(&retries, 2, None, 1.0), Next::In(s(360)));
        assert_eq!(after(&retries, 9, None, 0.0), Next::In(s(86_400)));
        assert_eq!(after(&retries, 10, Some(s(1)), 0.0), Next::Dead);
        assert_eq!(after(&[], 1, None, 0.0), Next::Dead);
        assert!(RETRIES.is_sorted());
    }

    #[test]
    fn who_asks_for_patience_gets_it_within_reason() {
        let retries = RETRIES.map(s);
        assert_eq!(after(&retries, 1, Some(s(60)), 0.0), Next::In(s(60)));
        assert_eq!(after(&retries, 2, Some(s(60)), 0.0), Next::In(s(300)));
        assert_eq!(after(&retries, 1, Some(s(u64::MAX)), 0.0), Next::In(ASKED_MAX));
    }
}
