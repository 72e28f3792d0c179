//! The SQL of what was used.

use jiff::Timestamp;
use serde_json::Value;
use tenantry_pg::tokio_postgres::Row;
use uuid::Uuid;

use super::counts::Counts;
use crate::db::{Tx, statements};
use crate::error::Error;
use crate::ids::TenantId;

statements! {
    REPORT: "take the report" =
        "INSERT INTO tenantry_control.usage_report
             (id, source, from_at, to_at, latency_ends, latency_counts, cache_hits, cache_misses)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING";
    ADD_HOUR: "add to the hour" =
        "INSERT INTO tenantry_control.usage_hour AS k (tenant_id, hour, source, requests, statements, transactions, rows, bytes_in, bytes_out, server_micros, errors, waits,
        wait_micros, refused, timeouts, connections, cache_hits, cache_misses)
         SELECT t.id, pg_catalog.date_trunc('hour', $2::timestamptz, 'UTC'), $3, least(sum(coalesce(u.requests, 0)), 9007199254740992)::bigint, least(sum(coalesce(u.statements, 0)),
        9007199254740992)::bigint, least(sum(coalesce(u.transactions, 0)), 9007199254740992)::bigint,
        least(sum(coalesce(u.rows, 0)), 9007199254740992)::bigint, least(sum(coalesce(u.bytes_in, 0)),
        9007199254740992)::bigint, least(sum(coalesce(u.bytes_out, 0)), 9007199254740992)::bigint,
        least(sum(coalesce(u.server_micros, 0)), 9007199254740992)::bigint, least(sum(coalesce(u.errors,
        0)), 9007199254740992)::bigint, least(sum(coalesce(u.waits, 0)), 9007199254740992)::bigint,
        least(sum(coalesce(u.wait_micros, 0)), 9007199254740992)::bigint, least(sum(coalesce(u.refused, 0)),
        9007199254740992)::bigint, least(sum(coalesce(u.timeouts, 0)), 9007199254740992)::bigint,
        least(sum(coalesce(u.connections, 0)), 9007199254740992)::bigint, least(sum(coalesce(u.cache_hits,
        0)), 9007199254740992)::bigint, least(sum(coalesce(u.cache_misses, 0)), 9007199254740992)::bigint
         FROM pg_catalog.jsonb_to_recordset($1) AS u (key text, requests bigint, statements bigint, transactions bigint, rows bigint, bytes_in bigint, bytes_out
        bigint, server_micros bigint, errors bigint, waits bigint, wait_micros bigint, refused bigint,
        timeouts bigint, connections bigint, cache_hits bigint, cache_misses bigint)
         JOIN tenantry_control.tenant t ON t.key = u.key
         GROUP BY t.id ORDER BY t.id
         ON CONFLICT (tenant_id, hour, source) DO UPDATE SET requests = least(k.requests::numeric + excluded.requests, 9223372036854775807)::bigint, statements =
        least(k.statements::numeric + excluded.statements, 9223372036854775807)::bigint, transactions =
        least(k.transactions::numeric + excluded.transactions, 9223372036854775807)::bigint, rows =
        least(k.rows::numeric + excluded.rows, 9223372036854775807)::bigint, bytes_in =
        least(k.bytes_in::numeric + excluded.bytes_in, 9223372036854775807)::bigint, bytes_out =
        least(k.bytes_out::numeric + excluded.bytes_out, 9223372036854775807)::bigint, server_micros =
        least(k.server_micros::numeric + excluded.server_micros, 9223372036854775807)::bigint, errors =
        least(k.errors::numeric + excluded.errors, 9223372036854775807)::bigint, waits =
        least(k.waits::numeric + excluded.waits, 9223372036854775807)::bigint, wait_micros =
        least(k.wait_micros::numeric + excluded.wait_micros, 9223372036854775807)::bigint, refused =
        least(k.refused::numeric + excluded.refused, 9223372036854775807)::bigint, timeouts =
        least(k.timeouts::numeric + excluded.timeouts, 9223372036854775807)::bigint, connections =
        least(k.connections::numeric + excluded.connections, 9223372036854775807)::bigint, cache_hits =
        least(k.cache_hits::numeric + excluded.cache_hits, 9223372036854775807)::bigint, cache_misses =
        least(k.cache_misses::numeric + excluded.cache_misses, 9223372036854775807)::bigint";
    ADD_DAY: "add to the day" =
        "INSERT INTO tenantry_control.usage_day AS k (tenant_id, day, source, requests, statements, transactions, rows, bytes_in, bytes_out, server_micros, errors, waits,
        wait_micros, refused, timeouts, connections, cache_hits, cache_misses)
         SELECT t.id, pg_catalog.date_trunc('day', $2::timestamptz, 'UTC'), $3, least(sum(coalesce(u.requests, 0)), 9007199254740992)::bigint, least(sum(coalesce(u.statements, 0)),
        9007199254740992)::bigint, least(sum(coalesce(u.transactions, 0)), 9007199254740992)::bigint,
        least(sum(coalesce(u.rows, 0)), 9007199254740992)::bigint, least(sum(coalesce(u.bytes_in, 0)),
        9007199254740992)::bigint, least(sum(coalesce(u.bytes_out, 0)), 9007199254740992)::bigint,
        least(sum(coalesce(u.server_micros, 0)), 9007199254740992)::bigint, least(sum(coalesce(u.errors,
        0)), 9007199254740992)::bigint, least(sum(coalesce(u.waits, 0)), 9007199254740992)::bigint,
        least(sum(coalesce(u.wait_micros, 0)), 9007199254740992)::bigint, least(sum(coalesce(u.refused, 0)),
        9007199254740992)::bigint, least(sum(coalesce(u.timeouts, 0)), 9007199254740992)::bigint,
        least(sum(coalesce(u.connections, 0)), 9007199254740992)::bigint, least(sum(coalesce(u.cache_hits,
        0)), 9007199254740992)::bigint, least(sum(coalesce(u.cache_misses, 0)), 9007199254740992)::bigint
         FROM pg_catalog.jsonb_to_recordset($1) AS u (key text, requests bigint, statements bigint, transactions bigint, rows bigint, bytes_in bigint, bytes_out
        bigint, server_micros bigint, errors bigint, waits bigint, wait_micros bigint, refused bigint,
        timeouts bigint, connections bigint, cache_hits bigint, cache_misses bigint)
         JOIN tenantry_control.tenant t ON t.key = u.key
         GROUP BY t.id ORDER BY t.id
         ON CONFLICT (tenant_id, day, source) DO UPDATE SET requests = least(k.requests::numeric + excluded.requests, 9223372036854775807)::bigint, statements =
        least(k.statements::numeric + excluded.statements, 9223372036854775807)::bigint, transactions =
        least(k.transactions::numeric + excluded.transactions, 9223372036854775807)::bigint, rows =
        least(k.rows::numeric + excluded.rows, 9223372036854775807)::bigint, bytes_in =
        least(k.bytes_in::numeric + excluded.bytes_in, 9223372036854775807)::bigint, bytes_out =
        least(k.bytes_out::numeric + excluded.bytes_out, 9223372036854775807)::bigint, server_micros =
        least(k.server_micros::numeric + excluded.server_micros, 9223372036854775807)::bigint, errors =
        least(k.errors::numeric + excluded.errors, 9223372036854775807)::bigint, waits =
        least(k.waits::numeric + excluded.waits, 9223372036854775807)::bigint, wait_micros =
        least(k.wait_micros::numeric + excluded.wait_micros, 9223372036854775807)::bigint, refused =
        least(k.refused::numeric + excluded.refused, 9223372036854775807)::bigint, timeouts =
        least(k.timeouts::numeric + excluded.timeouts, 9223372036854775807)::bigint, connections =
        least(k.connections::numeric + excluded.connections, 9223372036854775807)::bigint, cache_hits =
        least(k.cache_hits::numeric + excluded.cache_hits, 9223372036854775807)::bigint, cache_misses =
        least(k.cache_misses::numeric + excluded.cache_misses, 9223372036854775807)::bigint";
    HOURS: "read what was used by the hour" =
        "SELECT hour, least(sum(requests), 9223372036854775807)::bigint, least(sum(statements),
        9223372036854775807)::bigint, least(sum(transactions), 9223372036854775807)::bigint,
        least(sum(rows), 9223372036854775807)::bigint, least(sum(bytes_in), 9223372036854775807)::bigint,
        least(sum(bytes_out), 9223372036854775807)::bigint, least(sum(server_micros),
        9223372036854775807)::bigint, least(sum(errors), 9223372036854775807)::bigint, least(sum(waits),
        9223372036854775807)::bigint, least(sum(wait_micros), 9223372036854775807)::bigint,
        least(sum(refused), 9223372036854775807)::bigint, least(sum(timeouts), 9223372036854775807)::bigint,
        least(sum(connections), 9223372036854775807)::bigint, least(sum(cache_hits),
        9223372036854775807)::bigint, least(sum(cache_misses), 9223372036854775807)::bigint
         FROM tenantry_control.usage_hour WHERE tenant_id = $1 AND hour >= $2 AND hour < $3 GROUP BY hour ORDER BY hour";
    DAYS: "read what was used by the day" =
        "SELECT day, least(sum(requests), 9223372036854775807)::bigint, least(sum(statements),
        9223372036854775807)::bigint, least(sum(transactions), 9223372036854775807)::bigint,
        least(sum(rows), 9223372036854775807)::bigint, least(sum(bytes_in), 9223372036854775807)::bigint,
        least(sum(bytes_out), 9223372036854775807)::bigint, least(sum(server_micros),
        9223372036854775807)::bigint, least(sum(errors), 9223372036854775807)::bigint, least(sum(waits),
        9223372036854775807)::bigint, least(sum(wait_micros), 9223372036854775807)::bigint,
        least(sum(refused), 9223372036854775807)::bigint, least(sum(timeouts), 9223372036854775807)::bigint,
        least(sum(connections), 9223372036854775807)::bigint, least(sum(cache_hits),
        9223372036854775807)::bigint, least(sum(cache_misses), 9223372036854775807)::bigint
         FROM tenantry_control.usage_day WHERE tenant_id = $1 AND day >= $2 AND day < $3 GROUP BY day ORDER BY day";
    SOURCES: "ask who reported" =
        "SELECT coalesce(bool_or(source LIKE '%gateway%'), false), coalesce(bool_or(source LIKE '%proxy%'), false)
         FROM tenantry_control.usage_report WHERE received_at >= $1";
    TABLES: "read how much lies where" =
        "SELECT table_name, rows, bytes, is_estimate, sampled_at FROM tenantry_control.usage_table
         WHERE tenant_id = $1 ORDER BY bytes DESC, table_name";
    SIZES: "read how much lay there by the day" =
        "SELECT day, rows, bytes FROM tenantry_control.usage_size_day
         WHERE tenant_id = $1 AND day >= $2 AND day < $3 ORDER BY day";
    RESOURCES: "read what guards counted" =
        "SELECT resource, used, sampled_at FROM tenantry_control.usage_resource WHERE tenant_id = $1 ORDER BY resource";
    SAMPLED: "ask when the application's database was looked at" =
        "SELECT ended_at FROM tenantry_control.usage_sample";
    FORGET_REPORTS: "forget old reports" =
        "DELETE FROM tenantry_control.usage_report WHERE received_at < now() - interval '7 days'";
    FORGET_HOURS: "forget old hours" =
        "DELETE FROM tenantry_control.usage_hour WHERE hour < now() - make_interval(days => $1)";
    FORGET_DAYS: "forget old days" =
        "DELETE FROM tenantry_control.usage_day WHERE day < now() - make_interval(days => $1)";
}

/// Days for which hours are kept.
const HOURS_KEPT_DAYS: i32 = 35;
/// Days for which days are kept.
const DAYS_KEPT_DAYS: i32 = 800;

/// A report in the form of its statement.
pub(super) struct Kept<'a> {
    pub(super) id: Uuid,
    pub(super) source: &'a str,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) latency_ends: Vec<i64>,
    pub(super) latency_counts: Vec<i64>,
    pub(super) cache: (i64, i64),
    /// A list of objects: `key`, and the columns.
    pub(super) tenants: Value,
}

/// Takes a report; false if it was taken before.
pub(super) async fn take(tx: &Tx, r: &Kept<'_>) -> Result<bool, Error> {
    let params: [&(dyn tenantry_pg::tokio_postgres::types::ToSql + Sync); 8] =
        [&r.id, &r.source, &r.from, &r.to, &r.latency_ends, &r.latency_counts, &r.cache.0, &r.cache.1];
    if tx.execute(&REPORT, &params).await? == 0 {
        return Ok(false);
    }
    for add in [&ADD_HOUR, &ADD_DAY] {
        tx.execute(add, &[&r.tenants, &r.from, &r.source]).await?;
    }
    Ok(true)
}

/// What was used, by the hour or by the day.
pub(super) async fn series(
    tx: &Tx,
    tenant: TenantId,
    (from, to): (Timestamp, Timestamp),
    by_hour: bool,
) -> Result<Vec<(Timestamp, Counts)>, Error> {
    let sql = if by_hour { &HOURS } else { &DAYS };
    let rows = tx.query(sql, &[&tenant.0, &from, &to]).await?;
    Ok(rows.iter().map(|row| (row.get(0), counts(row))).collect())
}

fn counts(row: &Row) -> Counts {
    Counts::of(std::array::from_fn(|at| row.get::<_, i64>(at + 1).unsigned_abs()))
}

/// Whether a gateway and whether a proxy reported since then.
pub(super) async fn sources(tx: &Tx, since: Timestamp) -> Result<(bool, bool), Error> {
    let row = tx.query_one(&SOURCES, &[&since]).await?;
    Ok((row.get(0), row.get(1)))
}

pub(super) async fn tables(tx: &Tx, tenant: TenantId) -> Result<Vec<super::document::TableSize>, Error> {
    let rows = tx.query(&TABLES, &[&tenant.0]).await?;
    let table = |row: &Row| super::document::TableSize {
        name: row.get(0),
        rows: row.get(1),
        bytes: row.get(2),
        is_estimate: row.get(3),
        sampled_at: row.get(4),
    };
    Ok(rows.iter().map(table).collect())
}

pub(super) async fn sizes(
    tx: &Tx,
    tenant: TenantId,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<super::document::SizeOfDay>, Error> {
    let rows = tx.query(&SIZES, &[&tenant.0, &from, &to]).await?;
    let size = |row: &Row| super::document::SizeOfDay { day: row.get(0), rows: row.get(1), bytes: row.get(2) };
    Ok(rows.iter().map(size).collect())
}

pub(super) async fn resources(tx: &Tx, tenant: TenantId) -> Result<Vec<super::document::ResourceUsed>, Error> {
    let rows = tx.query(&RESOURCES, &[&tenant.0]).await?;
    let used =
        |row: &Row| super::document::ResourceUsed { resource: row.get(0), used: row.get(1), sampled_at: row.get(2) };
    Ok(rows.iter().map(used).collect())
}

/// When the application's database was last looked at.
pub(super) async fn sampled(tx: &Tx) -> Result<Option<Timestamp>, Error> {
    Ok(tx.query_one(&SAMPLED, &[]).await?.get(0))
}

/// Forgets what is old.
pub(super) async fn forget(tx: &Tx) -> Result<(), Error> {
    tx.execute(&FORGET_REPORTS, &[]).await?;
    tx.execute(&FORGET_HOURS, &[&HOURS_KEPT_DAYS]).await?;
    tx.execute(&FORGET_DAYS, &[&DAYS_KEPT_DAYS]).await.map(drop)
}
