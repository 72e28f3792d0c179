//! Reports of what was used: what gateways and proxies counted since the last one.
//!
//! A report has an id and is taken once: who got no answer sends the same again. A tenant that is not known is left out.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::counts::Counts;
use super::store;
use crate::db::{Db, Scope};
use crate::error::Error;

/// Most tenants of one report.
pub const TENANTS_MAX: usize = 2_000;
/// Most buckets of times.
const BUCKETS_MAX: usize = 64;
/// A report may be as late as this.
const AGE_MAX: SignedDuration = SignedDuration::from_hours(24 * 7);
/// Clocks may differ by this.
const AHEAD_MAX: SignedDuration = SignedDuration::from_mins(5);

/// Who counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Source {
    /// A gateway.
    #[serde(rename = "gateway")]
    Gateway,
    /// A proxy.
    #[serde(rename = "proxy")]
    Proxy,
    /// Both, in one process.
    #[serde(rename = "gateway+proxy")]
    Both,
}

impl Source {
    fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Proxy => "proxy",
            Self::Both => "gateway+proxy",
        }
    }
}

/// How long requests took, of all tenants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Latency {
    /// Upper ends of the buckets, in microseconds, growing.
    pub ends: Vec<u64>,
    /// Requests in each; the last bucket is open, so there is one more.
    pub counts: Vec<u64>,
}

/// What was used between two moments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Report {
    /// The same for the same report, however often it is sent.
    pub id: Uuid,
    /// Who counted.
    pub source: Source,
    /// From when.
    pub from: Timestamp,
    /// To when.
    pub to: Timestamp,
    /// By the tenant's key; at most 2000.
    #[serde(default)]
    pub tenants: BTreeMap<String, Counts>,
    /// How long requests took.
    #[serde(default)]
    pub latency: Latency,
}

/// Takes a report; false if it was taken before.
pub(crate) async fn take(db: &Db, actor: &str, report: &Report) -> Result<bool, Error> {
    check(report)?;
    let mut all = Counts::default();
    report.tenants.values().for_each(|used| all.add(used));
    let signed = |list: &[u64]| list.iter().map(|n| i64::try_from(*n).unwrap_or(i64::MAX)).collect();
    let kept = store::Kept {
        id: report.id,
        source: report.source.as_str(),
        from: report.from,
        to: report.to,
        latency_ends: signed(&report.latency.ends),
        latency_counts: signed(&report.latency.counts),
        cache: (all.cache_hits.min(i64::MAX as u64).cast_signed(), all.cache_misses.min(i64::MAX as u64).cast_signed()),
        tenants: Value::Array(report.tenants.iter().map(|(key, used)| row(key, used)).collect()),
    };
    let tx = db.write(Scope::Platform, actor).await?;
    let taken = store::take(&tx, &kept).await?;
    tx.commit().await?;
    Ok(taken)
}

fn check(report: &Report) -> Result<(), Error> {
    let now = Timestamp::now();
    if report.to < report.from || report.to.duration_since(now) > AHEAD_MAX || now.duration_since(report.from) > AGE_MAX
    {
        return Err(Error::field("from", "give a time of the last seven days, and `to` after it"));
    }
    if report.tenants.len() > TENANTS_MAX {
        return Err(Error::field("tenants", format!("give at most {TENANTS_MAX} in one report")));
    }
    if let Some((key, _)) =
        report.tenants.iter().find(|(key, used)| !used.fits() || key.len() > 200 || key.contains('\0'))
    {
        let key: String = key.chars().take(50).collect();
        return Err(Error::field(format!("tenants.{key}"), "give numbers of at most 2^53 by the tenant's key"));
    }
    let Latency { ends, counts } = &report.latency;
    let fits = ends.len() < BUCKETS_MAX
        && (counts.is_empty() && ends.is_empty() || counts.len() == ends.len() + 1)
        && ends.is_sorted_by(|a, b| a < b)
        && counts.iter().chain(ends).all(|n| *n <= super::counts::COUNT_MAX);
    if !fits {
        return Err(Error::field("latency", "give growing `ends`, and one number more in `counts`"));
    }
    Ok(())
}

/// By the names of the tables' columns.
fn row(key: &str, used: &Counts) -> Value {
    json!({
        "key": key,
        "requests": used.requests,
        "statements": used.statements,
        "transactions": used.transactions,
        "rows": used.rows,
        "bytes_in": used.bytes_in,
        "bytes_out": used.bytes_out,
        "server_micros": used.server_micros,
        "errors": used.errors,
        "waits": used.waits,
        "wait_micros": used.wait_micros,
        "refused": used.refused,
        "timeouts": used.timeouts,
        "connections": used.connections,
        "cache_hits": used.cache_hits,
        "cache_misses": used.cache_misses,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let now = Timestamp::now();
        Report {
            id: Uuid::now_v7(),
            source: Source::Both,
            from: now,
            to: now,
            tenants: BTreeMap::new(),
            latency: Latency::default(),
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(check(&report()).is_ok());
        let far = SignedDuration::from_hours(24 * 8);
        let many = Counts { rows: super::super::counts::COUNT_MAX + 1, ..Counts::default() };
        let latency = |ends: &[u64], counts: &[u64]| Latency { ends: ends.to_vec(), counts: counts.to_vec() };
        let good = Report { latency: latency(&[1, 2], &[0, 1, 2]), ..report() };
        assert!(check(&good).is_ok());
        for bad in [
            Report { from: Timestamp::now() - far, ..report() },
            Report { to: Timestamp::now() + far, ..report() },
            Report { to: Timestamp::now() - SignedDuration::from_secs(60), ..report() },
            Report { tenants: [("a".to_owned(), many)].into(), ..report() },
            Report { tenants: [("a\0".to_owned(), Counts::default())].into(), ..report() },
            Report { tenants: (0..=TENANTS_MAX).map(|n| (n.to_string(), Counts::default())).collect(), ..report() },
            Report { latency: latency(&[1, 2], &[0, 1]), ..report() },
            Report { latency: latency(&[2, 2], &[0, 1, 2]), ..report() },
        ] {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
    }
}
