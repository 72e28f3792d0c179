//! What was seen of a cache, as Prometheus reads it: written as the proxy writes its own.
//!
//! The number of series does not grow with the number of tenants: the first [`TENANTS_MAX`] that are seen have their
//! own for as long as the process lives, all others share one.

use std::collections::BTreeMap;
use std::fmt::Write;

use tenantry_model::TenantKey;

use crate::cache::Seen;
use crate::counters::{LineUsed, Used};

/// Tenants with series of their own.
pub const TENANTS_MAX: usize = 50;

/// The tenant label of all who have no series of their own. No slug reads like this.
pub const OTHERS: &str = "(other)";

/// Makes the text, and remembers between two of them which tenants have a series.
#[derive(Debug, Default)]
pub struct Metrics {
    named: BTreeMap<TenantKey, Series>,
    other: Series,
    /// What was counted of each space before: a space that went and came back begins at zero.
    before: BTreeMap<TenantKey, Used>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Series {
    used: Used,
    bytes: u64,
}

type OfTenant = (&'static str, &'static str, fn(&Used) -> u64);
type OfLine = (&'static str, fn(&LineUsed) -> u64);

const OF_TENANTS: &[OfTenant] = &[
    ("hits_total", "Requests answered from this process", |u| u.hits),
    ("remote_hits_total", "Requests answered from Redis", |u| u.remote_hits),
    ("misses_total", "Requests nobody could answer", |u| u.misses),
    ("loads_total", "Loads that were run", |u| u.loads),
    ("failed_loads_total", "Loads that failed", |u| u.failed_loads),
    ("shared_loads_total", "Requests answered by the load of another", |u| u.shared_loads),
    ("removals_total", "Removals by name, by kind and of all", |u| u.removals),
    ("too_large_total", "Values that were too large to keep", |u| u.too_large),
    ("overtaken_total", "Loads that a removal overtook", |u| u.overtaken),
];

/// By the `event` label.
const OF_LINE: &[OfLine] = &[
    ("connected", |l| l.connected),
    ("refused", |l| l.refused),
    ("lost", |l| l.lost),
    ("timeout", |l| l.timeouts),
    ("broken", |l| l.broken),
    ("denied", |l| l.denied),
    ("read_only", |l| l.read_only),
    ("out_of_memory", |l| l.out_of_memory),
    ("error", |l| l.errors),
    ("damaged", |l| l.damaged),
    ("forged", |l| l.forged),
    ("skipped", |l| l.skipped),
    ("heard", |l| l.heard),
];

impl Metrics {
    /// The text for what was seen.
    pub fn text(&mut self, seen: &Seen) -> String {
        self.take(seen);
        let mut out = String::new();
        family(&mut out, "tenantry_cache_bytes_max", "gauge", "Most bytes of the first level");
        line(&mut out, "tenantry_cache_bytes_max", &[], seen.bytes_max as f64);
        let mut series: Vec<(String, Series)> = self.named.iter().map(|(t, s)| (t.to_string(), *s)).collect();
        series.push((OTHERS.to_owned(), self.other));
        for (name, help, read) in OF_TENANTS {
            let name = format!("tenantry_cache_{name}");
            family(&mut out, &name, "counter", help);
            series.iter().for_each(|(tenant, s)| line(&mut out, &name, &[("tenant", tenant)], read(&s.used) as f64));
        }
        family(&mut out, "tenantry_cache_bytes", "gauge", "Bytes of the first level");
        for (tenant, s) in &series {
            line(&mut out, "tenantry_cache_bytes", &[("tenant", tenant)], s.bytes as f64);
        }
        family(
            &mut out,
            "tenantry_cache_hit_ratio",
            "gauge",
            "Part of all requests that needed no load, from the start",
        );
        for (tenant, s) in &series {
            if let Some(rate) = s.used.hit_rate() {
                line(&mut out, "tenantry_cache_hit_ratio", &[("tenant", tenant)], rate);
            }
        }
        if let Some(connected) = seen.connected {
            family(&mut out, "tenantry_cache_connected", "gauge", "1 while there is a line to Redis");
            line(&mut out, "tenantry_cache_connected", &[], f64::from(u8::from(connected)));
            family(&mut out, "tenantry_cache_redis_events_total", "counter", "What happened on the line to Redis");
            for (event, read) in OF_LINE {
                line(&mut out, "tenantry_cache_redis_events_total", &[("event", event)], read(&seen.line) as f64);
            }
        }
        out
    }

    fn take(&mut self, seen: &Seen) {
        self.named.values_mut().for_each(|s| s.bytes = 0);
        self.other.bytes = 0;
        let mut now = BTreeMap::new();
        for space in &seen.spaces {
            let before = self.before.get(&space.tenant).copied().unwrap_or_default();
            let fresh = space.used.since(&before);
            now.insert(space.tenant.clone(), space.used);
            let series = if self.named.contains_key(&space.tenant) || self.named.len() < TENANTS_MAX {
                self.named.entry(space.tenant.clone()).or_default()
            } else {
                &mut self.other
            };
            series.used.add(&fresh);
            series.bytes += space.bytes;
        }
        self.before = now;
    }
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    // writing to a String cannot fail
    let _ = writeln!(out, "# HELP {name} {help}.\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    out.push_str(name);
    for (at, (label, text)) in labels.iter().enumerate() {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(out, "{}{label}=\"{text}\"", if at == 0 { '{' } else { ',' });
    }
    let _ = writeln!(out, "{} {value}", if labels.is_empty() { "" } else { "}" });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::SpaceSeen;

    fn seen(tenants: std::ops::Range<i64>, hits: u64) -> Seen {
        let space = |n| SpaceSeen { tenant: TenantKey::Bigint(n), used: Used { hits, ..Used::default() }, bytes: 10 };
        Seen { spaces: tenants.map(space).collect(), connected: Some(true), ..Seen::default() }
    }

    fn sum(text: &str, name: &str) -> f64 {
        let lines = text.lines().filter(|l| l.starts_with(&format!("{name}{{")));
        lines.map(|l| l.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    #[test]
    fn a_thousand_tenants_have_a_bounded_number_of_series_and_nothing_is_counted_twice() {
        let mut metrics = Metrics::default();
        metrics.text(&seen(0..1000, 2));
        let text = metrics.text(&seen(0..1000, 3));
        let count = text.lines().filter(|l| l.starts_with("tenantry_cache_hits_total{")).count();
        assert_eq!(count, TENANTS_MAX + 1);
        assert_eq!(sum(&text, "tenantry_cache_hits_total"), 3000.0);
        assert_eq!(sum(&text, "tenantry_cache_bytes"), 10_000.0);
        // spaces that went and came back begin at zero
        metrics.text(&seen(0..0, 0));
        let text = metrics.text(&seen(0..1000, 1));
        assert_eq!(sum(&text, "tenantry_cache_hits_total"), 4000.0);
        assert!(text.contains("tenantry_cache_connected 1\n"));
        assert!(text.lines().all(|l| l.starts_with('#') || l.split(' ').count() == 2), "{text}");
    }
}
