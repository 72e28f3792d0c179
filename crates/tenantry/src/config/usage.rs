//! The section `[control.usage]`: which database of the application is looked at, and what in it is whose.

use std::time::Duration;

use serde::Deserialize;
use tenantry_blueprint::classify::{Hop, Verdict, classify};
use tenantry_blueprint::registry::Registry;
use tenantry_control::SampledTable;
use tenantry_engine::inspect;
use tenantry_pg::{Target, connect};

use super::env;
use crate::errors::Failure;

/// Seconds between two looks.
const EVERY: u64 = 3_600;

/// `[control.usage]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UsageSection {
    /// The application's database, as a login that sees every tenant; TENANTRY_USAGE_DATABASE_URL wins.
    database_url: Option<String>,
    /// Seconds between two looks.
    every: Option<u64>,
}

/// What is looked at, how often.
#[derive(Clone, Debug)]
pub(crate) struct Sampling {
    pub(crate) application: Target,
    pub(crate) every: Duration,
    pub(crate) registry: Registry,
}

/// The same, if a database is named.
pub(crate) fn build(section: &UsageSection, registry: &Registry) -> Result<Option<Sampling>, Failure> {
    let Some(url) = env("TENANTRY_USAGE_DATABASE_URL").or_else(|| section.database_url.clone()) else {
        return Ok(None);
    };
    let every = section.every.unwrap_or(EVERY);
    if !(60..=86_400).contains(&every) {
        return Err(Failure::caller("`every` in [control.usage] is not 60 to 86400 seconds").code("control-settings"));
    }
    let every = Duration::from_secs(every);
    Ok(Some(Sampling { application: Target::parse(&url)?, every, registry: registry.clone() }))
}

/// The tables of the application as they are now.
pub(crate) async fn tables(sampling: &Sampling) -> Result<Vec<SampledTable>, Failure> {
    let client = connect(&sampling.application).await?;
    let catalog = inspect::read(&client).await?;
    client.close().await;
    let found = classify(&catalog, &sampling.registry);
    let columns = |name: &_| found.verdict(name).and_then(|v| v.column.as_ref()).map(|c| c.quoted());
    let root = found.root.table.as_ref().zip(found.root.key.first());
    let key_of = |name: &_| {
        let of_root = root.filter(|(table, _)| *table == name).map(|(_, key)| key.quoted());
        of_root.or_else(|| columns(name))
    };
    Ok(found.tables.iter().filter(|v| v.class.is_scoped()).filter_map(|verdict| sampled(verdict, key_of)).collect())
}

/// A table with the way to its tenant; `None` where there is none, or where rows would be counted twice.
fn sampled(
    verdict: &Verdict,
    key_of: impl Fn(&tenantry_model::QualifiedName) -> Option<String>,
) -> Option<SampledTable> {
    let (mut joins, mut from) = (String::new(), "t".to_owned());
    let tenant = match key_of(&verdict.table) {
        Some(key) => format!("t.{key}"),
        None => {
            for (number, hop) in verdict.path.iter().enumerate() {
                let to = format!("h{number}");
                joins.push_str(&join(hop, &from, &to)?);
                from = to;
            }
            format!("{from}.{}", key_of(&verdict.path.last()?.references)?)
        }
    };
    Some(SampledTable { name: verdict.table.to_string(), from: verdict.table.quoted(), joins, tenant })
}

fn join(hop: &Hop, from: &str, to: &str) -> Option<String> {
    if hop.reverse || hop.columns.len() != hop.referenced_columns.len() {
        return None;
    }
    let pairs = hop.columns.iter().zip(&hop.referenced_columns);
    let on: Vec<String> = pairs.map(|(a, b)| format!("{to}.{} = {from}.{}", b.quoted(), a.quoted())).collect();
    Some(format!(" LEFT JOIN {} AS {to} ON {}", hop.references.quoted(), on.join(" AND ")))
}
