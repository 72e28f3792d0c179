//! What was counted, as Prometheus reads it. The number of series does not grow with tenants, paths or addresses.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tenantry_edge::directory::Directory;
use tenantry_edge::usage::{Counters, Top};

use crate::refusal::Refusal;
use crate::worker::Shared;

/// Tenants with series of their own.
pub const TENANTS_MAX: usize = 50;
/// The tenant label of all others. No slug reads like this.
pub const OTHERS: &str = "(other)";

/// Upper ends of the buckets of times, in microseconds.
const BUCKETS: [u64; 14] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000, 30_000_000,
];

/// Causes of refusals, as they are counted.
const CAUSES: [&str; 27] = [
    "bad-request",
    "host-refused",
    "misdirected-request",
    "path-refused",
    "method-refused",
    "request-too-large",
    "request-timeout",
    "no-route",
    "tenant-required",
    "tenant-unknown",
    "tenant-conflict",
    "tenant-not-proven",
    "tenant-suspended",
    "maintenance",
    "credential-required",
    "credential-refused",
    "identity-unavailable",
    "webhook-refused",
    "origin-refused",
    "rate-limited",
    "tenant-busy",
    "gateway-full",
    "upstream-unavailable",
    "upstream-timeout",
    "gateway-failed",
    "cut-off",
    "client-gone",
];

/// Counters of one thread. Only that thread writes them.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) connections: AtomicU64,
    accepted: AtomicU64,
    passed: [AtomicU64; 5],
    refused: [AtomicU64; CAUSES.len()],
    buckets: [AtomicU64; BUCKETS.len() + 1],
    micros: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

impl Counts {
    pub(crate) fn accepted(&self) {
        self.accepted.fetch_add(1, Relaxed);
    }

    /// A request was answered by the application.
    pub(crate) fn passed(&self, status: u16, took: Duration, bytes_in: u64, bytes_out: u64) {
        let class = usize::from((status / 100).clamp(1, 5)) - 1;
        self.passed[class].fetch_add(1, Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.iter().position(|end| micros <= *end).unwrap_or(BUCKETS.len());
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.micros.fetch_add(micros, Relaxed);
        self.bytes_in.fetch_add(bytes_in, Relaxed);
        self.bytes_out.fetch_add(bytes_out, Relaxed);
    }

    /// A request was refused.
    pub(crate) fn refused(&self, why: Refusal) {
        self.ended(why.page());
    }

    /// An answer broke off.
    pub(crate) fn ended(&self, cause: &str) {
        if let Some(at) = CAUSES.iter().position(|c| *c == cause) {
            self.refused[at].fetch_add(1, Relaxed);
        }
    }
}

/// What looks at a gateway while it runs.
#[derive(Clone)]
pub struct Observer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) directory: Directory,
}

impl Observer {
    /// Whether clients are served and any application can be reached.
    pub fn is_ready(&self) -> bool {
        self.shared.ready.load(Relaxed) > 0
    }

    /// Connections of clients at this moment.
    pub fn connections(&self) -> u64 {
        self.sum(|c| &c.connections)
    }

    /// Its tenants.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// How long requests took since the start: upper ends of buckets in microseconds, and requests in each; the last
    /// bucket is open.
    pub fn latency(&self) -> (&'static [u64], Vec<u64>) {
        (&BUCKETS, (0..=BUCKETS.len()).map(|at| self.sum(|c| &c.buckets[at])).collect())
    }

    /// Requests answered from what is kept, and those that were not, of each tenant that has something kept. A tenant
    /// that went and came back begins at zero.
    pub fn answers(&self) -> Vec<(tenantry_model::TenantKey, u64, u64)> {
        let Some(answers) = self.shared.answers.get() else { return Vec::new() };
        let of = |space: &tenantry_cache::SpaceSeen| {
            (space.tenant.clone(), space.used.hits + space.used.remote_hits, space.used.misses)
        };
        answers.seen().spaces.iter().map(of).collect()
    }

    fn sum(&self, which: impl Fn(&Counts) -> &AtomicU64) -> u64 {
        self.shared.counts.iter().map(|c| which(c).load(Relaxed)).sum()
    }
}

/// Makes the text, and remembers which tenants have a series.
pub struct Metrics {
    top: Top,
    answers: tenantry_cache::metrics::Metrics,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { top: Top::new(TENANTS_MAX), answers: Default::default() }
    }
}

/// A number of what was used: name, what it says, how it is read.
type OfUsage = (&'static str, &'static str, fn(&Counters) -> f64);

const OF_USAGE: &[OfUsage] = &[
    ("requests_total", "Requests that were passed on", |c| c.requests as f64),
    ("received_bytes_total", "Bytes from clients", |c| c.bytes_in as f64),
    ("sent_bytes_total", "Bytes to clients", |c| c.bytes_out as f64),
    ("seconds_total", "Time for which the application worked", |c| c.server_micros as f64 / 1e6),
    ("refused_total", "Refused for a limit", |c| c.refused as f64),
];

impl Metrics {
    /// The text for what was seen.
    pub fn text(&mut self, seen: &Observer) -> String {
        let mut out = String::new();
        family(&mut out, "connections", "gauge", "Connections of clients");
        line(&mut out, "connections", &[], seen.connections() as f64);
        family(&mut out, "accepted_total", "counter", "Connections that were accepted");
        line(&mut out, "accepted_total", &[], seen.sum(|c| &c.accepted) as f64);
        family(&mut out, "requests_total", "counter", "Requests that the application answered, by class of status");
        for (class, label) in ["1xx", "2xx", "3xx", "4xx", "5xx"].iter().enumerate() {
            line(&mut out, "requests_total", &[("status", label)], seen.sum(|c| &c.passed[class]) as f64);
        }
        family(&mut out, "refused_total", "counter", "Requests that were not passed on, or broke off, by cause");
        for (at, cause) in CAUSES.iter().enumerate() {
            line(&mut out, "refused_total", &[("cause", cause)], seen.sum(|c| &c.refused[at]) as f64);
        }
        for (name, which) in [("received_bytes_total", 0), ("sent_bytes_total", 1)] {
            family(&mut out, name, "counter", "Bytes of bodies, from and to clients");
            let bytes = seen.sum(|c| if which == 0 { &c.bytes_in } else { &c.bytes_out });
            line(&mut out, name, &[], bytes as f64);
        }
        family(&mut out, "request_seconds", "histogram", "From the head of a request to the end of its answer");
        let mut total = 0;
        for at in 0..=BUCKETS.len() {
            total += seen.sum(|c| &c.buckets[at]);
            let end = BUCKETS.get(at).map_or("+Inf".to_owned(), |micros| (*micros as f64 / 1e6).to_string());
            line(&mut out, "request_seconds_bucket", &[("le", &end)], total as f64);
        }
        line(&mut out, "request_seconds_sum", &[], seen.sum(|c| &c.micros) as f64 / 1e6);
        line(&mut out, "request_seconds_count", &[], total as f64);
        family(&mut out, "rate_decisions_total", "counter", "Budgets of tenants that were counted for all gateways");
        let decided = &seen.shared.decided;
        for (by, count) in [("redis", &decided.exact), ("share", &decided.by_share)] {
            line(&mut out, "rate_decisions_total", &[("by", by)], count.load(Relaxed) as f64);
        }
        if let Some(exporter) = &*seen.shared.exporter.load() {
            let spans = exporter.counted();
            family(&mut out, "spans_total", "counter", "Spans of traced requests, by what became of them");
            for (what, count) in [("exported", spans.exported), ("dropped", spans.dropped), ("failed", spans.failed)] {
                line(&mut out, "spans_total", &[("outcome", what)], count as f64);
            }
        }
        self.of_tenants(&seen.directory, &mut out);
        if let Some(answers) = seen.shared.answers.get() {
            out.push_str(&self.answers.text(&answers.seen()));
        }
        out
    }

    fn of_tenants(&mut self, directory: &Directory, out: &mut String) {
        self.top.update(directory);
        let mut series: Vec<(String, Counters)> =
            self.top.named().map(|(key, used)| (key.to_string(), *used)).collect();
        series.sort_by(|a, b| a.0.cmp(&b.0));
        series.push((OTHERS.to_owned(), *self.top.other()));
        for (name, help, read) in OF_USAGE {
            let name = format!("tenant_{name}");
            family(out, &name, "counter", help);
            for (tenant, used) in &series {
                line(out, &name, &[("tenant", tenant)], read(used));
            }
        }
    }
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    // writing to a String cannot fail
    let _ = writeln!(out, "# HELP tenantry_gateway_{name} {help}.\n# TYPE tenantry_gateway_{name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    let _ = write!(out, "tenantry_gateway_{name}");
    for (at, (label, text)) in labels.iter().enumerate() {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(out, "{}{label}=\"{text}\"", if at == 0 { '{' } else { ',' });
    }
    let _ = writeln!(out, "{} {value}", if labels.is_empty() { "" } else { "}" });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_counted_under_its_page() {
        let wait = Duration::from_secs(1);
        for refusal in [
            Refusal::BadRequest(""),
            Refusal::Host(""),
            Refusal::Misdirected,
            Refusal::Path(""),
            Refusal::Method,
            Refusal::UriTooLong,
            Refusal::RequestTimeout,
            Refusal::NoRoute,
            Refusal::TenantRequired,
            Refusal::TenantUnknown,
            Refusal::TenantConflict,
            Refusal::TenantNotProven,
            Refusal::TenantSuspended,
            Refusal::Maintenance(wait),
            Refusal::CredentialRequired,
            Refusal::CredentialRefused,
            Refusal::IdentityUnavailable,
            Refusal::WebhookRefused,
            Refusal::Origin,
            Refusal::RateLimited(wait),
            Refusal::Busy,
            Refusal::Full,
            Refusal::UpstreamUnavailable,
            Refusal::UpstreamTimeout,
            Refusal::Bug,
        ] {
            assert!(CAUSES.contains(&refusal.page()), "{refusal:?}");
        }
    }
}
