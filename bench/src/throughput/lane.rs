//! What a lane did in each round, and what that comes to.

use crate::gauge::{Counter, Used};
use crate::table::median;

/// One round of one lane.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Round {
    /// Transactions a second.
    pub(super) rate: f64,
    /// Transactions in the time that counts.
    pub(super) transactions: f64,
    /// What the pooler used in that time.
    pub(super) used: Used,
    /// The median latency in microseconds, where there is one client.
    pub(super) latency_us: Option<f64>,
}

/// Medians over all rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Found {
    pub(super) rate: f64,
    pub(super) cpu_us: f64,
    pub(super) switches: f64,
    pub(super) calls: Option<(f64, Counter)>,
    pub(super) latency_us: Option<f64>,
}

impl Found {
    pub(super) fn of(rounds: &[Round], calls: Option<(f64, Counter)>) -> Self {
        let over = |value: &dyn Fn(&Round) -> f64| median(rounds.iter().map(value).collect());
        let latencies: Vec<f64> = rounds.iter().filter_map(|r| r.latency_us).collect();
        Self {
            rate: over(&|r| r.rate),
            cpu_us: over(&|r| r.used.cpu_ns as f64 / 1e3 / r.transactions.max(1.0)),
            switches: over(&|r| r.used.switches as f64 / r.transactions.max(1.0)),
            calls,
            latency_us: (!latencies.is_empty()).then(|| median(latencies)),
        }
    }
}
