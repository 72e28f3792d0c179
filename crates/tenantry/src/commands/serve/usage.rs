//! What tenants used, on its way from gateway and proxy to the control plane: once a minute, and once at the end.
//!
//! A report that was not taken is sent again as it is, under its id; what comes meanwhile waits for the next one. What
//! was not reported when the process dies is lost: usage is counted in memory.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use tenantry_control::Control;
use tenantry_control::usage::{Counts, Latency, Report, Source, TENANTS_MAX};
use tenantry_edge::directory::Directory;
use tenantry_edge::usage::{Counters, RollUp};
use tenantry_model::TenantKey;
use uuid::Uuid;

use crate::api::Api;
use crate::errors::Failure;

/// How often to report.
const EVERY: Duration = Duration::from_secs(60);
/// Reports that wait to be taken; with more, nothing new is made of what was counted until they are.
const WAITING_MAX: usize = 64;

/// Where reports go.
pub(super) enum To {
    /// The control plane of this process.
    Here(Control),
    /// One that answers elsewhere.
    There(Api),
}

/// Counts and reports.
pub(super) struct Reporter {
    to: To,
    gateway: Option<tenantry_gateway::Observer>,
    proxy: Option<tenantry_proxy::Observer>,
    rolls: Vec<(Directory, RollUp)>,
    answers: HashMap<TenantKey, (u64, u64)>,
    latency: Vec<u64>,
    since: Timestamp,
    waiting: VecDeque<Report>,
}

impl Reporter {
    /// Of these.
    pub(super) fn new(
        to: To,
        gateway: Option<tenantry_gateway::Observer>,
        proxy: Option<tenantry_proxy::Observer>,
    ) -> Self {
        Self {
            to,
            gateway,
            proxy,
            rolls: Vec::new(),
            answers: HashMap::new(),
            latency: Vec::new(),
            since: Timestamp::now(),
            waiting: VecDeque::new(),
        }
    }

    /// Reports until it is told to stop, and then once more.
    pub(super) async fn run(mut self, stop: tokio::sync::oneshot::Receiver<()>) {
        tokio::pin!(stop);
        let mut interval = tokio::time::interval(EVERY);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        interval.tick().await;
        self.look().await;
        loop {
            let is_last = tokio::select! {
                _ = interval.tick() => false,
                // a sender that is gone says the same
                _ = &mut stop => true,
            };
            if self.waiting.len() < WAITING_MAX {
                self.collect().await;
            }
            self.deliver().await;
            if is_last {
                return;
            }
        }
    }

    /// Finds out which lists of tenants there are. Where nobody answers any more, those known before are the last word:
    /// what was counted at the end stands in them.
    async fn look(&mut self) {
        let mut lists: Vec<Directory> = self.gateway.iter().map(|g| g.directory().clone()).collect();
        if let Some(proxy) = &self.proxy {
            let seen = proxy.look().await;
            if seen.workers == 0 {
                return;
            }
            lists.extend(seen.pools.into_values().filter(|pool| pool.isolated).map(|pool| pool.directory));
        }
        self.rolls.retain(|(known, _)| lists.iter().any(|list| list.is_same(known)));
        for list in lists {
            if !self.rolls.iter().any(|(known, _)| known.is_same(&list)) {
                self.rolls.push((list, RollUp::new()));
            }
        }
    }

    /// Makes reports of what was counted since the last time.
    async fn collect(&mut self) {
        self.look().await;
        let mut tenants: BTreeMap<String, Counts> = BTreeMap::new();
        for (list, roll) in &mut self.rolls {
            for (key, used) in roll.take(list) {
                absorb(tenants.entry(key.to_string()).or_default(), &used);
            }
        }
        let latency = self.of_gateway(&mut tenants);
        let (from, to) = (self.since, Timestamp::now());
        self.since = to;
        let source = match (&self.gateway, &self.proxy) {
            (Some(_), Some(_)) => Source::Both,
            (Some(_), None) => Source::Gateway,
            _ => Source::Proxy,
        };
        let report = |tenants, latency| Report { id: Uuid::now_v7(), source, from, to: to.max(from), tenants, latency };
        let mut rest = tenants.into_iter();
        // one at least: it says that somebody counts
        self.waiting.push_back(report(rest.by_ref().take(TENANTS_MAX).collect(), latency));
        loop {
            let part: BTreeMap<_, _> = rest.by_ref().take(TENANTS_MAX).collect();
            if part.is_empty() {
                return;
            }
            self.waiting.push_back(report(part, Latency::default()));
        }
    }

    /// What the gateway alone counts.
    fn of_gateway(&mut self, tenants: &mut BTreeMap<String, Counts>) -> Latency {
        let Some(gateway) = &self.gateway else { return Latency::default() };
        for (key, hits, misses) in gateway.answers() {
            let before = self.answers.insert(key.clone(), (hits, misses)).unwrap_or_default();
            let (hits, misses) = (since(hits, before.0), since(misses, before.1));
            if hits + misses > 0 {
                let counts = tenants.entry(key.to_string()).or_default();
                counts.cache_hits += hits;
                counts.cache_misses += misses;
            }
        }
        let (ends, now) = gateway.latency();
        let before = std::mem::replace(&mut self.latency, now.clone());
        let counts = now.iter().enumerate().map(|(at, n)| since(*n, before.get(at).copied().unwrap_or(0))).collect();
        Latency { ends: ends.to_vec(), counts }
    }

    /// Sends what waits, in order; what is not taken waits on.
    async fn deliver(&mut self) {
        while let Some(report) = self.waiting.front() {
            if let Err(failure) = send(&self.to, report).await {
                tracing::warn!("what tenants used waits to be reported: {failure}");
                return;
            }
            self.waiting.pop_front();
        }
    }
}

async fn send(to: &To, report: &Report) -> Result<(), Failure> {
    match to {
        To::Here(control) => {
            let taken = control.report(report).await;
            taken.map(drop).map_err(|e| Failure::new(e.class(), "the control plane did not take it").because(e))
        }
        To::There(api) => api.post::<serde_json::Value>("/api/usage/reports", report).await.map(drop),
    }
}

/// What was added; everything, if counting began anew.
fn since(now: u64, before: u64) -> u64 {
    if now < before { now } else { now - before }
}

fn absorb(counts: &mut Counts, used: &Counters) {
    counts.requests += used.requests;
    counts.statements += used.statements;
    counts.transactions += used.transactions;
    counts.rows += used.rows;
    counts.bytes_in += used.bytes_in;
    counts.bytes_out += used.bytes_out;
    counts.server_micros += used.server_micros;
    counts.errors += used.errors;
    counts.waits += used.waits;
    counts.wait_micros += used.wait_micros;
    counts.refused += used.refused;
    counts.timeouts += used.timeouts;
    counts.connections += used.connections;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_of_the_edge_is_reported() {
        let mut all = Counts::default();
        let one = Counters {
            statements: 1,
            transactions: 1,
            rows: 1,
            bytes_in: 1,
            bytes_out: 1,
            server_micros: 1,
            errors: 1,
            waits: 1,
            wait_micros: 1,
            refused: 1,
            timeouts: 1,
            connections: 1,
            requests: 1,
        };
        absorb(&mut all, &one);
        let value = serde_json::to_value(all).unwrap();
        let zeros: Vec<_> = value.as_object().unwrap().iter().filter(|(_, n)| **n == 0).map(|(name, _)| name).collect();
        assert_eq!(zeros, ["cacheHits", "cacheMisses"], "these come from the cache");
        assert_eq!(one.each().count() + 2, value.as_object().unwrap().len());
        assert_eq!((since(5, 3), since(2, 3)), (2, 2));
    }
}
