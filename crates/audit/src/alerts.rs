//! When entries add up to something that somebody must hear of: so many of a kind, of one tenant, in so much time.
//!
//! The sealer watches, since it sees every entry once and in order. An alert is given once; then the threshold rests
//! for the length of its time. Pure: time comes with the entries.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::chain::Chain;

/// Chains that are watched at once; beyond it those that were quiet longest are forgotten.
pub const CHAINS_MAX: usize = 10_000;

/// So many of these, in so much time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// Its name: `failed-logins`.
    pub name: String,
    /// What counts.
    pub actions: Vec<String>,
    /// How many.
    pub count: usize,
    /// In what time.
    pub within: Duration,
}

/// Somebody must hear of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// The threshold's name.
    pub threshold: String,
    /// Whose entries.
    pub chain: Chain,
    /// When, in microseconds of Unix time.
    pub at: i64,
}

/// Watches entries.
#[derive(Debug)]
pub struct Watch {
    thresholds: Vec<Threshold>,
    seen: HashMap<(usize, Chain), Times>,
}

#[derive(Debug, Default)]
struct Times {
    last: VecDeque<i64>,
    rests_until: i64,
}

/// Five failed logins in five minutes, ten quota violations an hour, more than ten failed contexts an hour, and any
/// attempt to reach another tenant.
pub fn usual() -> Vec<Threshold> {
    let threshold = |name: &str, actions: &[&str], count, seconds| Threshold {
        name: name.into(),
        actions: actions.iter().map(|a| (*a).to_owned()).collect(),
        count,
        within: Duration::from_secs(seconds),
    };
    vec![
        threshold("failed-logins", &["USER_LOGIN_FAILED", "API_KEY_ACCESS_FAILED"], 5, 300),
        threshold("quota-violations", &["QUOTA_EXCEEDED"], 10, 3600),
        threshold("context-errors", &["WORKSPACE_CONTEXT_FAILED"], 11, 3600),
        threshold("cross-tenant", &["WORKSPACE_ACCESS_DENIED", "UNAUTHORIZED_ACCESS_ATTEMPT"], 1, 60),
    ]
}

impl Watch {
    /// Watches for these.
    pub fn new(thresholds: Vec<Threshold>) -> Self {
        Self { thresholds, seen: HashMap::new() }
    }

    /// The next entry; `at` is its time in microseconds.
    pub fn see(&mut self, chain: &Chain, action: &str, at: i64) -> Vec<Alert> {
        let mut alerts = Vec::new();
        for (number, threshold) in self.thresholds.iter().enumerate() {
            if threshold.count == 0 || !threshold.actions.iter().any(|a| a == action) {
                continue;
            }
            let within = i64::try_from(threshold.within.as_micros()).unwrap_or(i64::MAX);
            let times = self.seen.entry((number, chain.clone())).or_default();
            times.last.push_back(at);
            while times.last.len() > threshold.count {
                times.last.pop_front();
            }
            let first = times.last.front().copied().unwrap_or(at);
            if times.last.len() == threshold.count && at.saturating_sub(first) <= within && at >= times.rests_until {
                times.rests_until = at.saturating_add(within);
                alerts.push(Alert { threshold: threshold.name.clone(), chain: chain.clone(), at });
            }
        }
        self.forget(at);
        alerts
    }

    fn forget(&mut self, at: i64) {
        if self.seen.len() <= CHAINS_MAX {
            return;
        }
        let thresholds = &self.thresholds;
        self.seen.retain(|(number, _), times| {
            let within = i64::try_from(thresholds[*number].within.as_micros()).unwrap_or(i64::MAX);
            times.last.back().is_some_and(|last| at.saturating_sub(*last) <= within)
        });
        if self.seen.len() > CHAINS_MAX {
            let mut last: Vec<i64> = self.seen.values().filter_map(|t| t.last.back().copied()).collect();
            last.sort_unstable();
            let quiet = last[last.len() / 2];
            self.seen.retain(|_, times| times.last.back().is_some_and(|l| *l > quiet));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn five_in_five_minutes_are_one_alert_and_four_are_none() {
        let mut watch = Watch::new(usual());
        let (a, b) = (Chain::of(Some("a")), Chain::of(Some("b")));
        for number in 0..4 {
            assert_eq!(watch.see(&a, "USER_LOGIN_FAILED", number * SECOND), []);
            assert_eq!(watch.see(&b, "USER_LOGIN_FAILED", number * 80 * SECOND), []);
        }
        assert_eq!(watch.see(&b, "USER_LOGIN_FAILED", 320 * SECOND), [], "five, but not in five minutes");
        let alerts = watch.see(&a, "API_KEY_ACCESS_FAILED", 5 * SECOND);
        assert_eq!(alerts, [Alert { threshold: "failed-logins".into(), chain: a.clone(), at: 5 * SECOND }]);
        assert_eq!(watch.see(&a, "USER_LOGIN_FAILED", 6 * SECOND), [], "said once");
        let again: Vec<_> = (0..5).flat_map(|n| watch.see(&a, "USER_LOGIN_FAILED", (306 + n) * SECOND)).collect();
        assert_eq!(again.len(), 1, "and again when it goes on");
        assert_eq!(watch.see(&b, "UNAUTHORIZED_ACCESS_ATTEMPT", 0).len(), 1, "one is enough");
        assert_eq!(watch.see(&b, "USER_LOGIN", 0), []);
    }

    #[test]
    fn many_tenants_do_not_fill_the_memory() {
        let mut watch = Watch::new(usual());
        for number in 0..30_000 {
            watch.see(&Chain::of(Some(&number.to_string())), "USER_LOGIN_FAILED", number);
        }
        assert!(watch.seen.len() <= CHAINS_MAX + 1);
    }
}
