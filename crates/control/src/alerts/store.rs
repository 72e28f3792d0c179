//! The SQL of alerts.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tenantry_audit::alerts::Threshold;
use tenantry_pg::tokio_postgres::Row;
use uuid::Uuid;

use super::http::Alert;
use super::measured::Seen;
use crate::db::{Tx, statements};
use crate::error::Error;
use crate::ids::TenantId;

/// Tenants over one threshold that are told of at once.
const OVER_MAX: i64 = 1_000;
/// A single entry is seen as long after it was written, however long nobody looked.
const SINGLE_SEEN_FOR: Duration = Duration::from_secs(3_600);

/// The columns of an alert, in the order of `alert()`.
macro_rules! columns {
    () => {
        "id, tenant_id, name, severity, message, data, raised_at, acknowledged_at, acknowledged_by"
    };
}

statements! {
    ALONE: "wait for others who watch" =
        "SELECT pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtext('tenantry_control alerts'))";
    OVER: "count entries against a threshold" =
        "WITH last AS (
             SELECT tenant_id, max(raised_at) AS at FROM tenantry_control.alert
             WHERE name = $1 AND raised_at > now() - make_interval(secs => greatest($4::double precision, $5::double precision)) GROUP BY tenant_id)
         SELECT e.tenant_id, count(*) FROM tenantry_control.audit_entry e
         LEFT JOIN last ON last.tenant_id IS NOT DISTINCT FROM e.tenant_id
         WHERE e.action = ANY ($2) AND e.occurred_at > now() - make_interval(secs => $4)
           AND (last.at IS NULL OR (e.occurred_at > last.at AND last.at <= now() - make_interval(secs => $5)))
         GROUP BY e.tenant_id HAVING count(*) >= $3 ORDER BY 2 DESC LIMIT $6";
    MEASURED: "read what gateways measured" =
        "SELECT latency_ends, latency_counts, cache_hits, cache_misses FROM tenantry_control.usage_report
         WHERE received_at > now() - make_interval(secs => $1)";
    RESTS: "look whether an alert rests" =
        "SELECT EXISTS (SELECT FROM tenantry_control.alert
         WHERE name = $1 AND tenant_id IS NULL AND raised_at > now() - make_interval(secs => $2))";
    RAISE: "raise the alert" = concat!(
        "INSERT INTO tenantry_control.alert (id, tenant_id, name, severity, message, data, mailed_at)
         VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN NOT $7 THEN now() END) RETURNING ", columns!());
    LIST: "list the alerts" = concat!(
        "SELECT ", columns!(), " FROM tenantry_control.alert
         WHERE ($1::uuid IS NULL OR tenant_id = $1) AND ($2::uuid IS NULL OR id < $2)
           AND ($3::boolean IS NULL OR (acknowledged_at IS NOT NULL) = $3) AND ($4::text IS NULL OR name = $4)
           AND ($5::text IS NULL OR severity = $5)
         ORDER BY id DESC LIMIT $6");
    ACKNOWLEDGE: "acknowledge the alert" = concat!(
        "UPDATE tenantry_control.alert SET acknowledged_at = now(), acknowledged_by = $3
         WHERE id = $1 AND ($2::uuid IS NULL OR tenant_id = $2) AND acknowledged_at IS NULL RETURNING ", columns!());
    READ: "read the alert" = concat!(
        "SELECT ", columns!(), " FROM tenantry_control.alert WHERE id = $1 AND ($2::uuid IS NULL OR tenant_id = $2)");
    TO_MAIL: "take alerts that are to be mailed" = concat!(
        "UPDATE tenantry_control.alert SET mail_attempts = mail_attempts + 1,
             mail_next_at = CASE WHEN mail_attempts >= $2 THEN 'infinity'
                 ELSE now() + make_interval(secs => 60 * 2 ^ mail_attempts) END
         WHERE id IN (SELECT id FROM tenantry_control.alert WHERE mailed_at IS NULL AND mail_next_at <= now()
                      ORDER BY raised_at LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING ", columns!());
    MAILED: "note that the alert was mailed" =
        "UPDATE tenantry_control.alert SET mailed_at = now() WHERE id = ANY ($1)";
}

fn alert(row: &Row) -> Alert {
    Alert {
        id: row.get(0),
        tenant_id: row.get::<_, Option<Uuid>>(1).map(TenantId),
        name: row.get(2),
        severity: row.get(3),
        message: row.get(4),
        data: row.get(5),
        raised_at: row.get(6),
        acknowledged_at: row.get::<_, Option<Timestamp>>(7),
        acknowledged_by: row.get(8),
    }
}

/// Whether nobody else watches until this transaction ends.
pub(super) async fn alone(tx: &Tx) -> Result<bool, Error> {
    Ok(tx.query_one(&ALONE, &[]).await?.get(0))
}

/// Whose entries reached a threshold, and how many they are.
pub(super) async fn over(tx: &Tx, threshold: &Threshold) -> Result<Vec<(Option<TenantId>, i64)>, Error> {
    let count = i64::try_from(threshold.count).unwrap_or(i64::MAX);
    let seen = if count == 1 { threshold.within.max(SINGLE_SEEN_FOR) } else { threshold.within };
    let (seen, rests) = (seen.as_secs_f64(), threshold.within.as_secs_f64());
    let rows = tx.query(&OVER, &[&threshold.name, &threshold.actions, &count, &seen, &rests, &OVER_MAX]).await?;
    Ok(rows.iter().map(|row| (row.get::<_, Option<Uuid>>(0).map(TenantId), row.get(1))).collect())
}

/// What gateways measured in this time.
pub(super) async fn measured(tx: &Tx, within: Duration) -> Result<Seen, Error> {
    let mut seen = Seen::default();
    for row in tx.query(&MEASURED, &[&within.as_secs_f64()]).await? {
        seen.add(&row.get::<_, Vec<i64>>(0), &row.get::<_, Vec<i64>>(1), (row.get(2), row.get(3)));
    }
    Ok(seen)
}

/// Whether an alert of the platform was raised within this time.
pub(super) async fn rests(tx: &Tx, name: &str, within: Duration) -> Result<bool, Error> {
    Ok(tx.query_one(&RESTS, &[&name, &within.as_secs_f64()]).await?.get(0))
}

/// Something that somebody must hear of.
pub(super) struct New<'a> {
    pub(super) tenant: Option<TenantId>,
    pub(super) name: &'a str,
    pub(super) severity: &'a str,
    pub(super) message: String,
    pub(super) data: Value,
}

/// Writes an alert; `mails` says whether somebody is to get e-mail.
pub(super) async fn raise(tx: &Tx, new: &New<'_>, mails: bool) -> Result<Alert, Error> {
    let tenant = new.tenant.map(|t| t.0);
    let params: [&(dyn tenantry_pg::tokio_postgres::types::ToSql + Sync); 7] =
        [&Uuid::now_v7(), &tenant, &new.name, &new.severity, &new.message, &new.data, &mails];
    Ok(alert(&tx.query_one(&RAISE, &params).await?))
}

/// What a list is cut down to.
#[derive(Debug, Default)]
pub(super) struct Wanted<'a> {
    pub(super) tenant: Option<TenantId>,
    pub(super) before: Option<Uuid>,
    pub(super) acknowledged: Option<bool>,
    pub(super) name: Option<&'a str>,
    pub(super) severity: Option<&'a str>,
    pub(super) limit: i64,
}

pub(super) async fn list(tx: &Tx, w: &Wanted<'_>) -> Result<Vec<Alert>, Error> {
    let tenant = w.tenant.map(|t| t.0);
    let rows = tx.query(&LIST, &[&tenant, &w.before, &w.acknowledged, &w.name, &w.severity, &w.limit]).await?;
    Ok(rows.iter().map(alert).collect())
}

/// Acknowledges an alert; false with it as it is, if somebody did before.
pub(super) async fn acknowledge(tx: &Tx, id: Uuid, tenant: Option<TenantId>, by: &str) -> Result<(bool, Alert), Error> {
    let tenant = tenant.map(|t| t.0);
    if let Some(row) = tx.query_opt(&ACKNOWLEDGE, &[&id, &tenant, &by]).await? {
        return Ok((true, alert(&row)));
    }
    let row = tx.query_opt(&READ, &[&id, &tenant]).await?.ok_or_else(Error::not_found)?;
    Ok((false, alert(&row)))
}

/// Takes alerts that are to be mailed; each comes again later unless it is noted as mailed.
pub(super) async fn to_mail(tx: &Tx, most: i64, attempts_max: i32) -> Result<Vec<Alert>, Error> {
    Ok(tx.query(&TO_MAIL, &[&most, &attempts_max]).await?.iter().map(alert).collect())
}

/// They were mailed.
pub(super) async fn mailed(tx: &Tx, ids: &[Uuid]) -> Result<(), Error> {
    tx.execute(&MAILED, &[&ids]).await.map(drop)
}
