//! Whether a database server is worth trying now: a circuit breaker, one per server.
//!
//! Closed: every attempt goes through. After some failures in a row it opens: attempts are refused at once, so that
//! clients hear of it without waiting and the server is not stormed while it recovers. After a wait one trial goes
//! through; its success closes the breaker, its failure doubles the wait up to a bound. Pure: time is an argument.

use std::time::{Duration, Instant};

use tenantry_model::Class;

/// When a breaker opens and how long it stays so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Failures in a row that open it; 0 counts as 1.
    pub failures_max: u32,
    /// The first wait.
    pub wait_first: Duration,
    /// The longest wait.
    pub wait_max: Duration,
    /// Longest trial: one that reported nothing for so long is given up, and another may begin.
    pub trial_time_max: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            failures_max: 3,
            wait_first: Duration::from_millis(200),
            wait_max: Duration::from_secs(15),
            trial_time_max: Duration::from_secs(10),
        }
    }
}

/// The server is not tried now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tenantry: the database server does not answer; it is tried again in a moment")]
pub struct Open {
    /// When it is worth asking again.
    pub until: Instant,
}

impl Open {
    /// The SQLSTATE.
    pub fn sqlstate(&self) -> &'static str {
        "08006"
    }

    /// The class of the failure.
    pub fn class(&self) -> Class {
        Class::Unavailable
    }
}

/// What a breaker does at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Everything goes through.
    Closed,
    /// Nothing goes through.
    Open,
    /// One trial goes through.
    HalfOpen,
}

/// The breaker of one server.
#[derive(Clone, Debug)]
pub struct Breaker {
    settings: Settings,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant, wait: Duration },
    Trial { until: Instant, wait: Duration },
}

impl Breaker {
    /// A closed breaker.
    pub fn new(settings: Settings) -> Self {
        Self { settings, state: State::Closed { failures: 0 } }
    }

    /// Whether an attempt may be made. Who gets `Ok` reports back with success or failure.
    pub fn may_try(&mut self, now: Instant) -> Result<(), Open> {
        match self.state {
            State::Closed { .. } => Ok(()),
            State::Open { until, .. } | State::Trial { until, .. } if now < until => Err(Open { until }),
            State::Open { wait, .. } | State::Trial { wait, .. } => {
                self.state = State::Trial { until: now + self.settings.trial_time_max, wait };
                Ok(())
            }
        }
    }

    /// An attempt succeeded. It closes the breaker even if it began before the failures: the server answers.
    pub fn on_success(&mut self, _now: Instant) {
        self.state = State::Closed { failures: 0 };
    }

    /// An attempt failed. Failures that come in while it is open began before, and count no further.
    pub fn on_failure(&mut self, now: Instant) {
        self.state = match self.state {
            State::Closed { failures } if failures + 1 < self.settings.failures_max => {
                State::Closed { failures: failures + 1 }
            }
            State::Closed { .. } => self.open(now, self.settings.wait_first),
            State::Open { .. } => return,
            State::Trial { wait, .. } => self.open(now, wait.saturating_mul(2)),
        };
    }

    /// What it does now.
    pub fn phase(&self, now: Instant) -> Phase {
        match self.state {
            State::Closed { .. } => Phase::Closed,
            State::Open { until, .. } if now < until => Phase::Open,
            State::Open { .. } | State::Trial { .. } => Phase::HalfOpen,
        }
    }

    fn open(&self, now: Instant, wait: Duration) -> State {
        let wait = wait.min(self.settings.wait_max);
        State::Open { until: now + wait, wait }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        (0..3).for_each(|_| breaker.on_failure(now));
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_single_ones_do_not() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            breaker.on_failure(now);
            breaker.on_failure(now);
            breaker.on_success(now);
        }
        assert_eq!((breaker.may_try(now), breaker.phase(now)), (Ok(()), Phase::Closed));
        let mut breaker = opened(now);
        assert_eq!(breaker.may_try(now), Err(Open { until: now + ms(200) }));
        assert_eq!(breaker.may_try(now + ms(199)), Err(Open { until: now + ms(200) }));
    }

    #[test]
    fn one_trial_goes_through_and_its_success_closes() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + ms(200);
        assert_eq!(breaker.phase(later), Phase::HalfOpen);
        assert!(breaker.may_try(later).is_ok());
        assert!(breaker.may_try(later).is_err(), "one at a time");
        breaker.on_success(later);
        assert!((0..10).all(|_| breaker.may_try(later).is_ok()));
    }

    #[test]
    fn the_wait_doubles_up_to_its_bound() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        let mut waits = Vec::new();
        for _ in 0..9 {
            let until = breaker.may_try(now).unwrap_err().until;
            waits.push((until - now).as_millis());
            now = until;
            breaker.may_try(now).unwrap();
            breaker.on_failure(now);
        }
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000]);
    }

    #[test]
    fn late_failures_do_not_prolong_it() {
        let now = Instant::now();
        let mut breaker = opened(now);
        (0..50).for_each(|_| breaker.on_failure(now + ms(100)));
        assert!(breaker.may_try(now + ms(200)).is_ok());
    }

    #[test]
    fn a_trial_that_never_reports_does_not_block_for_ever() {
        let now = Instant::now();
        let mut breaker = opened(now);
        breaker.may_try(now + ms(200)).unwrap();
        let until = breaker.may_try(now + ms(201)).unwrap_err().until;
        assert!(breaker.may_try(until).is_ok());
        assert!(breaker.may_try(until).is_err());
    }
}
