//! The functions of the application's database, as the control plane calls them (docs/guides/quotas.md).

use std::collections::BTreeMap;

use jiff::Timestamp;
use tenantry_pg::tokio_postgres::Row;
use uuid::Uuid;

use super::ledger::AppTx;
use super::levels::Near;
use super::{Limit, Resource, Source};
use crate::db::statements;
use crate::error::Error;
use crate::ids::TenantId;

statements! {
    ALONE: "wait for others who write this tenant's limits" =
        "SELECT pg_advisory_xact_lock(hashtextextended('tenantry quota ' || $1::uuid, 0))";
    RESOURCES: "ask for the resources" =
        "SELECT resource, measure, default_max FROM tenantry.quota_resources() WHERE counted ORDER BY resource";
    USAGE: "ask for the use" =
        "SELECT resource, measure, used, reserved, given, max_units, bound, grace_percent, grace_until, parent, chosen
         FROM tenantry.quota_usage($1) ORDER BY resource";
    SET: "set the limit" = "SELECT tenantry.quota_set_limit($1, $2, $3, $4)";
    RESET: "set the limit back" = "SELECT tenantry.quota_reset_limit($1, $2)";
    GRACE: "set the time of grace" = "SELECT tenantry.quota_set_grace($1, $2, $3, $4)";
    RESERVE: "reserve" = "SELECT tenantry.quota_reserve($1, $2, $3, make_interval(secs => $4))";
    COMMIT: "commit the reservation" = "SELECT tenantry.quota_commit($1, $2)";
    RELEASE: "release the reservation" = "SELECT tenantry.quota_release($1, $2)";
    PATIENT: "take the time to count" = "SET LOCAL statement_timeout = '25s'";
    RECALCULATE: "count again" = "SELECT resource, was, counted FROM tenantry.quota_recalculate($1, $2) ORDER BY resource";
    SWEEP: "give back what expired" = "SELECT expired FROM tenantry.quota_sweep()";
    // of all tenants the few that are near a limit
    NEAR: "look who is near a limit" =
        "SELECT tenant, resource, least(used::numeric + reserved + given, 9223372036854775807)::bigint, max_units
         FROM tenantry.quota_usage()
         WHERE max_units > 0 AND (used::numeric + reserved + given) * 100 >= max_units::numeric * 85";
    ALL: "read the use of all tenants" =
        "DECLARE everybody NO SCROLL CURSOR FOR SELECT tenant, resource, used, max_units FROM tenantry.quota_usage()";
    // so many that a part is small, and few enough to be quick
    FETCH: "read on" = "FETCH 5000 FROM everybody";
}

/// What a tenant has of a resource.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counter {
    pub(crate) measure: String,
    /// What is there.
    pub(crate) used: i64,
    /// Held for work that comes.
    pub(crate) reserved: i64,
    /// Limits of tenants below.
    pub(crate) given: i64,
    /// The limit; none for none.
    pub(crate) max: Option<i64>,
    /// The limit of this moment, with grace.
    pub(crate) bound: Option<i64>,
    pub(crate) grace: Option<(i16, Timestamp)>,
    pub(crate) parent: Option<TenantId>,
    pub(crate) chosen: bool,
}

impl Counter {
    /// All that takes room.
    pub(crate) fn held(&self) -> i64 {
        self.used.saturating_add(self.reserved).saturating_add(self.given)
    }

    /// Room that is left; none without a limit.
    pub(crate) fn remaining(&self) -> Option<i64> {
        Some(self.bound?.saturating_sub(self.held()).max(0))
    }
}

/// A tenant's counters by resource.
pub(crate) type Counters = BTreeMap<String, Counter>;

/// Lets nobody else write this tenant's limits until the transaction ends: what is read next stays.
pub(super) async fn alone(tx: &AppTx, tenant: TenantId) -> Result<(), Error> {
    tx.execute(&ALONE, &[&tenant.0]).await
}

pub(super) async fn resources(tx: &AppTx) -> Result<Vec<Resource>, Error> {
    let rows = tx.query(&RESOURCES, &[]).await?;
    Ok(rows.iter().map(|r| Resource { name: r.get(0), measure: r.get(1), default: r.get(2) }).collect())
}

pub(super) async fn usage(tx: &AppTx, tenant: TenantId) -> Result<Counters, Error> {
    Ok(tx.query(&USAGE, &[&tenant.0]).await?.iter().map(|r| (r.get(0), counter(r))).collect())
}

fn counter(row: &Row) -> Counter {
    Counter {
        measure: row.get(1),
        used: row.get(2),
        reserved: row.get(3),
        given: row.get(4),
        max: row.get(5),
        bound: row.get(6),
        grace: row.get::<_, Option<i16>>(7).zip(row.get(8)),
        parent: row.get::<_, Option<Uuid>>(9).map(TenantId),
        chosen: row.get(10),
    }
}

/// Sets a limit as it was decided.
pub(super) async fn set(
    tx: &AppTx,
    tenant: TenantId,
    resource: &str,
    limit: Limit,
    parent: Option<TenantId>,
) -> Result<(), Error> {
    let parent = parent.map(|p| p.0);
    match limit.source {
        Source::Default => tx.execute(&RESET, &[&tenant.0, &resource]).await,
        _ => tx.execute(&SET, &[&tenant.0, &resource, &limit.max, &parent]).await,
    }
}

/// Begins or ends a time of grace.
pub(super) async fn grace(
    tx: &AppTx,
    tenant: TenantId,
    resource: &str,
    window: Option<(i16, Timestamp)>,
) -> Result<(), Error> {
    let (percent, until) = (window.map(|w| i32::from(w.0)), window.map(|w| w.1));
    tx.execute(&GRACE, &[&tenant.0, &resource, &percent, &until]).await
}

pub(super) async fn reserve(
    tx: &AppTx,
    tenant: TenantId,
    resource: &str,
    units: i64,
    seconds: i64,
) -> Result<Uuid, Error> {
    let seconds = seconds as f64;
    Ok(tx.query_one(&RESERVE, &[&tenant.0, &resource, &units, &seconds]).await?.get(0))
}

/// Ends a reservation; false if there is none of this tenant, or it expired.
pub(super) async fn end(tx: &AppTx, tenant: TenantId, id: Uuid, came: bool) -> Result<bool, Error> {
    let sql = if came { &COMMIT } else { &RELEASE };
    Ok(tx.query_one(sql, &[&tenant.0, &id]).await?.get(0))
}

/// Counts the rows again: resource, what was counted, what is there.
pub(super) async fn recalculate(
    tx: &AppTx,
    tenant: TenantId,
    resource: Option<&str>,
) -> Result<Vec<(String, i64, i64)>, Error> {
    tx.execute(&PATIENT, &[]).await?;
    let rows = tx.query(&RECALCULATE, &[&tenant.0, &resource]).await?;
    Ok(rows.iter().map(|r| (r.get(0), r.get(1), r.get(2))).collect())
}

/// Gives back reservations that expired; how many.
pub(super) async fn sweep(tx: &AppTx) -> Result<i64, Error> {
    Ok(tx.query_one(&SWEEP, &[]).await?.get(0))
}

pub(super) async fn near(tx: &AppTx) -> Result<Vec<Near>, Error> {
    tx.execute(&PATIENT, &[]).await?;
    let rows = tx.query(&NEAR, &[]).await?;
    let near = |r: &Row| Near { tenant: TenantId(r.get(0)), resource: r.get(1), held: r.get(2), max: r.get(3) };
    Ok(rows.iter().map(near).collect())
}

/// The use of everybody, a part at a time.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) tenants: Vec<Uuid>,
    pub(super) resources: Vec<String>,
    pub(super) used: Vec<i64>,
    pub(super) max: Vec<Option<i64>>,
}

/// Begins to read the use of everybody.
pub(super) async fn open_all(tx: &AppTx) -> Result<(), Error> {
    tx.execute(&PATIENT, &[]).await?;
    tx.execute(&ALL, &[]).await
}

/// The next part; none after the last.
pub(super) async fn next_of_all(tx: &AppTx) -> Result<Option<Part>, Error> {
    let rows = tx.query(&FETCH, &[]).await?;
    let mut part = Part::default();
    for row in &rows {
        part.tenants.push(row.get(0));
        part.resources.push(row.get(1));
        part.used.push(row.get(2));
        part.max.push(row.get(3));
    }
    Ok((!rows.is_empty()).then_some(part))
}
