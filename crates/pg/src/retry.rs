//! Short lock waits that are tried again, so that nobody waits long behind us.

use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use tokio_postgres::error::SqlState;

/// How often and how far apart to try again.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// Pause after the first failure; it doubles from there.
    pub first: Duration,
    /// Longest pause.
    pub longest: Duration,
    /// Tries in all.
    pub attempts_max: u32,
}

impl Default for Backoff {
    /// 0.1 s to 2 s apart, about a minute in all.
    fn default() -> Self {
        Self { first: Duration::from_millis(100), longest: Duration::from_secs(2), attempts_max: 40 }
    }
}

impl Backoff {
    /// The pause after the attempt of this number (1, 2, …), with up to a half taken off at random so that two
    /// waiters do not meet again.
    pub fn pause(&self, attempt: u32) -> Duration {
        let full = self.first.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(self.longest);
        let random = RandomState::new().build_hasher().finish() % 512;
        full.mul_f64(1.0 - random as f64 / 1024.0)
    }
}

/// Whether the statement failed because a lock was not to be had in time (55P03).
pub fn is_lock_timeout(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
}

/// Whether the same transaction may succeed if it is simply run again: lock timeout (55P03), serialization failure
/// (40001), deadlock (40P01).
pub fn is_retryable(error: &tokio_postgres::Error) -> bool {
    let code = error.code();
    is_lock_timeout(error)
        || code == Some(&SqlState::T_R_SERIALIZATION_FAILURE)
        || code == Some(&SqlState::T_R_DEADLOCK_DETECTED)
}

/// Runs `operation` until it succeeds, fails for good by `again`'s word, or has been tried often enough.
///
/// `operation` gets the number of the attempt, from 1. Each attempt must leave nothing behind when it fails.
pub async fn retry<T, E, F: Future<Output = Result<T, E>>>(
    backoff: Backoff,
    again: impl Fn(&E) -> bool,
    mut operation: impl FnMut(u32) -> F,
) -> Result<T, E> {
    let mut attempt = 1;
    loop {
        match operation(attempt).await {
            Err(error) if attempt < backoff.attempts_max && again(&error) => {
                tokio::time::sleep(backoff.pause(attempt)).await;
                attempt += 1;
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound() {
        let backoff = Backoff::default();
        for attempt in 1..100 {
            let pause = backoff.pause(attempt);
            assert!(pause >= backoff.first / 2 && pause <= backoff.longest, "{attempt}: {pause:?}");
        }
        assert!(backoff.pause(6) > backoff.pause(1));
    }

    #[tokio::test]
    async fn gives_up_after_the_last_attempt_and_at_once_on_other_errors() {
        let quick = Backoff { first: Duration::ZERO, longest: Duration::ZERO, attempts_max: 3 };
        let result: Result<(), u32> = retry(quick, |_| true, |attempt| async move { Err(attempt) }).await;
        assert_eq!(result, Err(3));
        let result: Result<(), u32> = retry(quick, |_| false, |attempt| async move { Err(attempt) }).await;
        assert_eq!(result, Err(1));
        let ok = |attempt| async move { if attempt == 2 { Ok(attempt) } else { Err(attempt) } };
        assert_eq!(retry(quick, |_| true, ok).await, Ok(2));
    }
}
