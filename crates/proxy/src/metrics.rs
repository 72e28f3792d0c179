//! What was seen of a proxy, as Prometheus reads it.
//!
//! The number of series does not grow with the number of tenants: those that use most have their own, all others
//! share one (`tenantry_edge::usage::Top`).

use std::fmt::Write;

use tenantry_edge::directory::Directory;
use tenantry_edge::usage::{Counters, Top};

use crate::observe::{PoolSeen, Seen, key_text};

/// Tenants with series of their own, for each list of tenants.
pub const TENANTS_MAX: usize = 50;

/// The tenant label of all who have no series of their own. No slug reads like this.
pub const OTHERS: &str = "(other)";

/// Makes the text, and remembers between two of them which tenants have a series.
#[derive(Default)]
pub struct Metrics {
    tenants: Vec<(Directory, Top)>,
}

/// A number of a database: name, type, what it says, how it is read.
type OfPool = (&'static str, &'static str, &'static str, fn(&PoolSeen) -> f64);
/// A number of what was used: name, what it says, how it is read.
type OfUsage = (&'static str, &'static str, fn(&Counters) -> f64);

const OF_POOLS: &[OfPool] = &[
    ("clients", "gauge", "Clients that are connected", |p| p.clients as f64),
    ("clients_waiting", "gauge", "Clients that wait for a server connection", |p| p.waiting as f64),
    ("longest_wait_seconds", "gauge", "Longest wait at this moment", |p| p.longest_wait.as_secs_f64()),
    ("server_connections_max", "gauge", "Most server connections", |p| p.size as f64),
    ("server_connections_idle", "gauge", "Server connections that nobody uses", |p| p.idle as f64),
    ("server_connections_lent", "gauge", "Server connections that work for a client", |p| p.lent as f64),
    ("server_connections_made_total", "counter", "Server connections made", |p| p.made as f64),
    ("server_connections_failed_total", "counter", "Server connections that could not be made", |p| p.failed as f64),
    ("paused", "gauge", "1 while an operator holds clients back", |p| f64::from(u8::from(p.paused))),
];

const OF_USAGE: &[OfUsage] = &[
    ("transactions_total", "Transactions that ended", |c| c.transactions as f64),
    ("statements_total", "Statements that ended, well or not", |c| c.statements as f64),
    ("errors_total", "Statements that failed", |c| c.errors as f64),
    ("rows_total", "Rows sent to clients", |c| c.rows as f64),
    ("received_bytes_total", "Bytes from clients", |c| c.bytes_in as f64),
    ("sent_bytes_total", "Bytes to clients", |c| c.bytes_out as f64),
    ("server_seconds_total", "Time for which server connections were held", |c| c.server_micros as f64 / 1e6),
    ("waits_total", "Times somebody waited for a server connection", |c| c.waits as f64),
    ("wait_seconds_total", "Time waited for server connections", |c| c.wait_micros as f64 / 1e6),
    ("refused_total", "Refused for a limit, a full queue or a state", |c| c.refused as f64),
];

impl Metrics {
    /// The text for what was seen.
    pub fn text(&mut self, seen: &Seen) -> String {
        let mut out = String::new();
        family(&mut out, "tenantry_proxy_workers", "gauge", "Workers that answered");
        line(&mut out, "tenantry_proxy_workers", &[], seen.workers as f64);
        for (name, kind, help, read) in OF_POOLS {
            let name = format!("tenantry_proxy_{name}");
            family(&mut out, &name, kind, help);
            for (database, pool) in &seen.pools {
                line(&mut out, &name, &[("database", database)], read(pool));
            }
        }
        for (name, help, read) in OF_USAGE.iter().filter(|(name, ..)| *name != "refused_total") {
            let name = format!("tenantry_proxy_{name}");
            family(&mut out, &name, "counter", help);
            for (database, pool) in &seen.pools {
                line(&mut out, &name, &[("database", database)], read(&pool.used));
            }
        }
        self.of_tenants(seen, &mut out);
        out
    }

    /// Lists of tenants that are not used any more are forgotten; a list that several databases share is shown once,
    /// under the first of them.
    fn of_tenants(&mut self, seen: &Seen, out: &mut String) {
        let mut lists: Vec<(&str, Directory)> = Vec::new();
        for (database, pool) in seen.pools.iter().filter(|(_, pool)| pool.isolated) {
            if !lists.iter().any(|(_, known)| known.is_same(&pool.directory)) {
                lists.push((database, pool.directory.clone()));
            }
        }
        self.tenants.retain(|(known, _)| lists.iter().any(|(_, list)| list.is_same(known)));
        let mut series: Vec<(&str, String, Counters)> = Vec::new();
        for (database, list) in lists {
            let at = self.tenants.iter().position(|(known, _)| known.is_same(&list)).unwrap_or_else(|| {
                self.tenants.push((list.clone(), Top::new(TENANTS_MAX)));
                self.tenants.len() - 1
            });
            let top = &mut self.tenants[at].1;
            top.update(&list);
            let mut named: Vec<_> = top.named().map(|(key, used)| (key.clone(), *used)).collect();
            named.sort_by(|a, b| a.0.cmp(&b.0));
            series.extend(named.into_iter().map(|(key, used)| (database, key_text(&key), used)));
            series.push((database, OTHERS.to_owned(), *top.other()));
        }
        for (name, help, read) in OF_USAGE {
            let name = format!("tenantry_tenant_{name}");
            family(out, &name, "counter", help);
            for (database, tenant, used) in &series {
                line(out, &name, &[("database", database), ("tenant", tenant)], read(used));
            }
        }
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
    use std::sync::Arc;
    use std::time::Duration;

    use tenantry_edge::admission::Claim;
    use tenantry_edge::directory::Limits;
    use tenantry_model::{KeyKind, TenantKey};

    use super::*;
    use crate::settings::Mode;

    fn seen(directory: &Directory) -> Seen {
        let pool = PoolSeen {
            directory: directory.clone(),
            isolated: true,
            host: "h".into(),
            port: 1,
            server_name: "s".into(),
            size: 4,
            idle: 3,
            lent: 1,
            connecting: 0,
            made: 4,
            failed: 0,
            clients: 2,
            waiting: 0,
            longest_wait: Duration::ZERO,
            paused: false,
            used: Counters::default(),
            mode: Mode::Transaction,
        };
        let mut seen = Seen { workers: 1, ..Seen::default() };
        seen.pools.insert(Arc::from("odd\"name"), pool);
        seen
    }

    #[test]
    fn a_thousand_tenants_have_a_bounded_number_of_series_that_only_grow() {
        let directory = Directory::open(KeyKind::Integer, Limits::NONE);
        let mut metrics = Metrics::default();
        let mut sums = Vec::new();
        for round in 0..3 {
            for number in 0..1000 {
                let tenant = directory.admit(&Claim::SlugOrKey(&number.to_string())).unwrap();
                assert_eq!(*tenant.key(), TenantKey::Integer(number));
                let micros = 1 + number.unsigned_abs() as u64;
                let used = Counters { statements: 1, server_micros: micros, ..Counters::default() };
                tenant.usage().add(&used, 1);
            }
            let text = metrics.text(&seen(&directory));
            let lines: Vec<_> = text.lines().filter(|l| l.starts_with("tenantry_tenant_statements_total{")).collect();
            assert!(lines.len() <= TENANTS_MAX + 1, "{}", lines.len());
            assert!(lines.iter().any(|l| l.contains("tenant=\"(other)\"")));
            let sum: f64 = lines.iter().map(|l| l.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum();
            sums.push(sum);
            assert_eq!(sum, 1000.0 * f64::from(round + 1), "nothing is lost or counted twice");
        }
        let text = metrics.text(&seen(&directory));
        assert!(text.contains("tenantry_proxy_clients{database=\"odd\\\"name\"} 2\n"), "{text}");
        assert!(text.lines().all(|l| l.starts_with('#') || l.split(' ').count() == 2), "{text}");
    }
}
