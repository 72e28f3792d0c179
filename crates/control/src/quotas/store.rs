//! The SQL of what was decided and what is known of tenants' use.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use tenantry_pg::tokio_postgres::Row;
use uuid::Uuid;

use super::counters::Part;
use super::levels::Known;
use super::{Basis, Resource};
use crate::db::{Tx, statements};
use crate::error::{Code, Error};
use crate::ids::TenantId;
use crate::plans::{Grace, Limits, Plan};

statements! {
    DECIDE: "decide about the quota" =
        "INSERT INTO tenantry_control.quota AS q (tenant_id, next_try_at)
         VALUES ($1, now() + make_interval(secs => $2))
         ON CONFLICT (tenant_id) DO UPDATE
         SET decided = q.decided + 1, attempts = 0, failure = NULL, next_try_at = excluded.next_try_at, updated_at = now()
         RETURNING decided";
    BASIS: "read what the limits follow from" =
        "SELECT q.id, coalesce(q.decided, 0), coalesce(q.written, 0), q.failure, t.parent_id, t.plan, p.limits,
                p.grace_percent, p.grace_hours, coalesce(q.created_at, t.created_at), coalesce(q.updated_at, t.created_at)
         FROM tenantry_control.tenant t JOIN tenantry_control.plan p ON p.key = t.plan
         LEFT JOIN tenantry_control.quota q ON q.tenant_id = t.id WHERE t.id = $1";
    CHOSEN: "read the chosen limits" =
        "SELECT resource, max_units FROM tenantry_control.quota_override WHERE tenant_id = $1";
    WINDOWS: "read the times of grace" =
        "SELECT resource, grace_percent, grace_until FROM tenantry_control.quota_level
         WHERE tenant_id = $1 AND grace_until IS NOT NULL";
    HOLD: "hold the quota" = "SELECT decided FROM tenantry_control.quota WHERE tenant_id = $1 FOR UPDATE";
    CHOOSE: "choose a limit" =
        "INSERT INTO tenantry_control.quota_override (tenant_id, resource, max_units) VALUES ($1, $2, $3)
         ON CONFLICT (tenant_id, resource) DO UPDATE SET max_units = excluded.max_units, updated_at = now()";
    UNCHOOSE: "take the chosen limits back" =
        "DELETE FROM tenantry_control.quota_override WHERE tenant_id = $1 AND ($2::text IS NULL OR resource = $2)";
    // deleted tenants too: they can be restored, and have what they were given
    GIVEN: "add up what is given on" =
        "SELECT o.resource, coalesce(least(sum(o.max_units), 9223372036854775807), 0)::bigint FROM tenantry_control.quota_override o
         JOIN tenantry_control.tenant c ON c.id = o.tenant_id WHERE c.parent_id = $1 GROUP BY 1";
    OVERGIVEN: "look who gave on more than the plan has" =
        "WITH given AS (
             SELECT c.parent_id, o.resource, sum(o.max_units) AS units FROM tenantry_control.quota_override o
             JOIN tenantry_control.tenant c ON c.id = o.tenant_id WHERE c.parent_id IS NOT NULL GROUP BY 1, 2)
         SELECT count(DISTINCT g.parent_id) FROM given g
         JOIN tenantry_control.tenant p ON p.id = g.parent_id AND p.parent_id IS NULL AND p.plan = $1
         LEFT JOIN tenantry_control.quota_override o ON o.tenant_id = p.id AND o.resource = g.resource
         LEFT JOIN tenantry_control.quota_resource r ON r.resource = g.resource
         WHERE o.resource IS NULL
           AND g.units > CASE WHEN $2::jsonb ? g.resource THEN ($2->>g.resource)::numeric ELSE r.default_max END";
    PLAN: "decide about everybody with the plan" =
        "UPDATE tenantry_control.quota q
         SET decided = decided + 1, attempts = 0, failure = NULL, next_try_at = now(), updated_at = now()
         FROM tenantry_control.tenant t WHERE t.id = q.tenant_id AND t.plan = $1 AND t.parent_id IS NULL";
    EVERYBODY: "decide about everybody" =
        "UPDATE tenantry_control.quota
         SET decided = decided + 1, attempts = 0, failure = NULL, next_try_at = now(), updated_at = now()";
    NEXT: "look for limits that are not written" =
        "SELECT q.tenant_id FROM tenantry_control.quota q JOIN tenantry_control.tenant t ON t.id = q.tenant_id
         WHERE q.written < q.decided AND q.next_try_at <= now()
         ORDER BY q.next_try_at, cardinality(t.path) LIMIT 1 FOR UPDATE OF q SKIP LOCKED";
    WRITTEN: "note that the limits are written" =
        "UPDATE tenantry_control.quota SET written = greatest(written, $2), attempts = 0, failure = NULL
         WHERE tenant_id = $1 AND written < $2";
    FAILED: "note that the limits could not be written" =
        "UPDATE tenantry_control.quota
         SET attempts = attempts + 1, failure = $2,
             next_try_at = now() + make_interval(secs => least(power(2, least(attempts, 10)), 300))
         WHERE tenant_id = $1";
    RESOURCES: "read the resources" =
        "SELECT resource, measure, default_max FROM tenantry_control.quota_resource ORDER BY resource";
    FORGET: "forget resources that are gone" =
        "DELETE FROM tenantry_control.quota_resource WHERE resource <> ALL ($1)";
    SEEN: "note a resource" =
        "INSERT INTO tenantry_control.quota_resource AS r (resource, measure, default_max) VALUES ($1, $2, $3)
         ON CONFLICT (resource) DO UPDATE
         SET measure = excluded.measure, default_max = excluded.default_max, seen_at = now()";
    LEVELS: "read the levels" =
        "SELECT tenant_id, resource, level FROM tenantry_control.quota_level
         WHERE $1::uuid[] IS NULL OR tenant_id = ANY ($1)";
    UP: "note a level" =
        "INSERT INTO tenantry_control.quota_level AS l (tenant_id, resource, level, grace_percent, grace_until)
         SELECT t.id, $2::text, $3::smallint,
                CASE WHEN $3::smallint = 100 AND t.parent_id IS NULL THEN p.grace_percent END,
                CASE WHEN $3::smallint = 100 AND t.parent_id IS NULL THEN now() + make_interval(hours => p.grace_hours) END
         FROM tenantry_control.tenant t JOIN tenantry_control.plan p ON p.key = t.plan
         WHERE t.id = $1 AND t.status <> 'deleted'
         ON CONFLICT (tenant_id, resource) DO UPDATE
         SET level = excluded.level, since = now(),
             grace_percent = coalesce(l.grace_percent, excluded.grace_percent),
             grace_until = coalesce(l.grace_until, excluded.grace_until)
         WHERE l.level < excluded.level
         RETURNING grace_until";
    DOWN: "lower a level" =
        "UPDATE tenantry_control.quota_level SET level = $3, since = now()
         WHERE tenant_id = $1 AND resource = $2 AND level > $3";
    AWAY: "end a level" =
        "DELETE FROM tenantry_control.quota_level WHERE tenant_id = $1 AND resource = $2 RETURNING grace_until > now()";
    ONE_KEEPER: "be the only keeper" =
        "SELECT pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtext('tenantry_control quota keeper'))";
    DAY: "note the use of the day" =
        "INSERT INTO tenantry_control.quota_day AS d (tenant_id, resource, day, used, peak, max_units)
         SELECT n.tenant, n.resource, (now() AT TIME ZONE 'UTC')::date, n.used, n.used, n.max_units
         FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[]) AS n (tenant, resource, used, max_units)
         JOIN tenantry_control.tenant t ON t.id = n.tenant
         LEFT JOIN LATERAL (
             SELECT o.day, o.used, o.max_units FROM tenantry_control.quota_day o
             WHERE o.tenant_id = n.tenant AND o.resource = n.resource ORDER BY o.day DESC LIMIT 1) last ON true
         WHERE last.day IS NULL OR last.day = (now() AT TIME ZONE 'UTC')::date
            OR (last.used, last.max_units) IS DISTINCT FROM (n.used, n.max_units)
         ON CONFLICT (tenant_id, resource, day) DO UPDATE
         SET used = excluded.used, peak = greatest(d.peak, excluded.used), max_units = excluded.max_units";
    // a day that stands for those after it stays
    PAST: "forget old days" =
        "DELETE FROM tenantry_control.quota_day d WHERE d.day < (now() AT TIME ZONE 'UTC')::date - $1::integer
         AND EXISTS (SELECT FROM tenantry_control.quota_day n
                     WHERE n.tenant_id = d.tenant_id AND n.resource = d.resource AND n.day > d.day
                       AND n.day <= (now() AT TIME ZONE 'UTC')::date - $1::integer)";
    DAYS: "read the days" =
        "SELECT d.resource, d.day, d.used, d.peak, d.max_units FROM tenantry_control.quota_day d
         WHERE d.tenant_id = $1 AND d.day <= $3
           AND d.day >= coalesce((SELECT max(o.day) FROM tenantry_control.quota_day o
                                  WHERE o.tenant_id = d.tenant_id AND o.resource = d.resource AND o.day <= $2), $2)
         ORDER BY d.resource, d.day";
}

/// Counts the decision up, and gives its number. Others who decide about this tenant wait for the transaction's end;
/// the keeper leaves it to the request for so many seconds.
pub(super) async fn decide(tx: &Tx, tenant: TenantId, left_for: f64) -> Result<i64, Error> {
    Ok(tx.query_one(&DECIDE, &[&tenant.0, &left_for]).await?.get(0))
}

/// Waits for others who decide about a tenant.
pub(super) async fn hold(tx: &Tx, tenant: TenantId) -> Result<(), Error> {
    tx.query_opt(&HOLD, &[&tenant.0]).await.map(drop)
}

/// What a tenant's limits follow from; `None` if there is no such tenant.
pub(super) async fn basis(tx: &Tx, tenant: TenantId) -> Result<Option<Basis>, Error> {
    let Some(row) = tx.query_opt(&BASIS, &[&tenant.0]).await? else { return Ok(None) };
    let chosen = tx.query(&CHOSEN, &[&tenant.0]).await?;
    let windows = tx.query(&WINDOWS, &[&tenant.0]).await?;
    let limits: Limits = serde_json::from_value(row.get::<_, Value>(6))
        .map_err(|e| Error::bug("read the limits of a plan").because(e))?;
    let grace = row.get::<_, Option<i16>>(7).zip(row.get::<_, Option<i32>>(8));
    Ok(Some(Basis {
        tenant,
        parent: row.get::<_, Option<Uuid>>(4).map(TenantId),
        id: row.get::<_, Option<Uuid>>(0).unwrap_or(tenant.0),
        decided: row.get(1),
        written: row.get(2),
        failure: row.get(3),
        plan: row.get(5),
        limits,
        grace: grace.map(|(percent, hours)| Grace { percent, hours }),
        chosen: chosen.iter().map(|r| (r.get(0), r.get(1))).collect(),
        windows: windows.iter().map(|r| (r.get(0), (r.get(1), r.get::<_, Timestamp>(2)))).collect(),
        created_at: row.get(9),
        updated_at: row.get(10),
    }))
}

pub(super) async fn choose(tx: &Tx, tenant: TenantId, resource: &str, max: Option<i64>) -> Result<(), Error> {
    tx.execute(&CHOOSE, &[&tenant.0, &resource, &max]).await.map(drop)
}

/// Takes one chosen limit back, or all.
pub(super) async fn unchoose(tx: &Tx, tenant: TenantId, resource: Option<&str>) -> Result<(), Error> {
    tx.execute(&UNCHOOSE, &[&tenant.0, &resource]).await.map(drop)
}

/// What a tenant gave to those below it, by resource.
pub(super) async fn given(tx: &Tx, tenant: TenantId) -> Result<BTreeMap<String, i64>, Error> {
    let rows = tx.query(&GIVEN, &[&tenant.0]).await?;
    Ok(rows.iter().map(|r| (r.get(0), r.get(1))).collect())
}

/// A plan's limits changed: everybody who has it is decided about, unless somebody gave on more than there would be.
pub(crate) async fn plan_changed(tx: &Tx, plan: &Plan) -> Result<(), Error> {
    let limits = serde_json::to_value(&plan.limits).map_err(|e| Error::bug("write limits").because(e))?;
    // first hold them, then look: nobody gives anything on in between
    tx.execute(&PLAN, &[&plan.key]).await?;
    let over: i64 = tx.query_one(&OVERGIVEN, &[&plan.key, &limits]).await?.get(0);
    if over > 0 {
        let detail = format!("{over} tenants with this plan gave more on to those below them than it would have then");
        return Err(Error::new(Code::StateConflict, detail));
    }
    Ok(())
}

/// Decides about everybody anew: what the limits follow from has changed.
pub(super) async fn everybody(tx: &Tx) -> Result<(), Error> {
    tx.execute(&EVERYBODY, &[]).await.map(drop)
}

/// A tenant whose limits are not written, held until the transaction's end.
pub(super) async fn next(tx: &Tx) -> Result<Option<TenantId>, Error> {
    Ok(tx.query_opt(&NEXT, &[]).await?.map(|r| TenantId(r.get(0))))
}

pub(super) async fn written(tx: &Tx, tenant: TenantId, number: i64) -> Result<(), Error> {
    tx.execute(&WRITTEN, &[&tenant.0, &number]).await.map(drop)
}

pub(super) async fn failed(tx: &Tx, tenant: TenantId, why: &str) -> Result<(), Error> {
    tx.execute(&FAILED, &[&tenant.0, &why]).await.map(drop)
}

/// The resources as last seen.
pub(super) async fn resources(tx: &Tx) -> Result<Vec<Resource>, Error> {
    let rows = tx.query(&RESOURCES, &[]).await?;
    Ok(rows.iter().map(|r| Resource { name: r.get(0), measure: r.get(1), default: r.get(2) }).collect())
}

/// Keeps the resources as they are now.
pub(super) async fn keep_resources(tx: &Tx, seen: &[Resource]) -> Result<(), Error> {
    let names: Vec<&str> = seen.iter().map(|r| r.name.as_str()).collect();
    tx.execute(&FORGET, &[&names]).await?;
    for resource in seen {
        tx.execute(&SEEN, &[&resource.name, &resource.measure, &resource.default]).await?;
    }
    Ok(())
}

/// The levels that are known, of these tenants or of all.
pub(super) async fn levels(tx: &Tx, of: Option<&[Uuid]>) -> Result<Known, Error> {
    let rows = tx.query(&LEVELS, &[&of]).await?;
    Ok(rows.iter().map(|r| ((TenantId(r.get(0)), r.get(1)), r.get(2))).collect())
}

/// Notes that a tenant came nearer; `None` if somebody else noted it, or there is no such tenant. Gives until when it
/// may go over the limit.
pub(super) async fn up(
    tx: &Tx,
    tenant: TenantId,
    resource: &str,
    level: i16,
) -> Result<Option<Option<Timestamp>>, Error> {
    Ok(tx.query_opt(&UP, &[&tenant.0, &resource, &level]).await?.map(|r| r.get(0)))
}

/// Notes that a tenant went away from a limit; whether that ends a time of grace.
pub(super) async fn down(tx: &Tx, tenant: TenantId, resource: &str, level: Option<i16>) -> Result<bool, Error> {
    let Some(level) = level else {
        let row = tx.query_opt(&AWAY, &[&tenant.0, &resource]).await?;
        return Ok(row.and_then(|r| r.get::<_, Option<bool>>(0)).unwrap_or(false));
    };
    tx.execute(&DOWN, &[&tenant.0, &resource, &level]).await?;
    Ok(false)
}

/// Whether no other process does the keeper's round now; until the transaction's end, none will.
pub(super) async fn only_keeper(tx: &Tx) -> Result<bool, Error> {
    Ok(tx.query_one(&ONE_KEEPER, &[]).await?.get(0))
}

pub(super) async fn note_day(tx: &Tx, part: &Part) -> Result<(), Error> {
    tx.execute(&DAY, &[&part.tenants, &part.resources, &part.used, &part.max]).await.map(drop)
}

/// Forgets days that are older.
pub(super) async fn forget_days(tx: &Tx, older_than: i32) -> Result<(), Error> {
    tx.execute(&PAST, &[&older_than]).await.map(drop)
}

/// A day of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) day: Date,
    pub(crate) used: i64,
    pub(crate) peak: i64,
    pub(crate) max: Option<i64>,
}

/// What is known of a tenant from a day to another, and the day before that stands for the first ones.
pub(super) async fn days(tx: &Tx, tenant: TenantId, from: Date, to: Date) -> Result<BTreeMap<String, Vec<Day>>, Error> {
    let mut days: BTreeMap<String, Vec<Day>> = BTreeMap::new();
    for row in &tx.query(&DAYS, &[&tenant.0, &from, &to]).await? {
        days.entry(row.get(0)).or_default().push(day(row));
    }
    Ok(days)
}

fn day(row: &Row) -> Day {
    Day { day: row.get(1), used: row.get(2), peak: row.get(3), max: row.get(4) }
}
