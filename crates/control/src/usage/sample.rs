//! Looks how much of the application's database is whose: rows and bytes by table, and what quota guards counted.
//!
//! Cheap on purpose: a large table is counted from a sample of its blocks, in a transaction that only reads and gives up
//! soon. Bytes are the tenant's share of the table with its indexes, by the size of its rows.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tenantry_pg::tokio_postgres::{self, Row};
use tenantry_pg::{Client, Session, Target, connect_with, in_plain_words};

use crate::db::{Db, Scope, statements};
use crate::error::Error;

/// A table of up to so many rows is counted whole.
const ROWS_EXACT_MAX: f64 = 200_000.0;
/// About so many rows of a larger one are looked at.
const ROWS_SAMPLED: f64 = 100_000.0;
/// Tenants of one statement into our own tables.
const WRITTEN_AT_ONCE: usize = 5_000;
/// Longest time for one table.
const TABLE_TIME: &str = "60s";

statements! {
    TURN: "take the turn to look at the application's database" =
        "UPDATE tenantry_control.usage_sample SET begun_at = now()
         WHERE coalesce(begun_at < now() - make_interval(secs => $1), true)";
    WRITE_TABLES: "write down how much lies where" =
        "INSERT INTO tenantry_control.usage_table (tenant_id, table_name, rows, bytes, is_estimate, sampled_at)
         SELECT t.id, u.name, u.rows, u.bytes, u.estimate, now()
         FROM pg_catalog.jsonb_to_recordset($1) AS u (key text, name text, rows bigint, bytes bigint, estimate boolean)
         JOIN tenantry_control.tenant t ON t.key = u.key ORDER BY t.id, u.name
         ON CONFLICT (tenant_id, table_name) DO UPDATE SET rows = excluded.rows, bytes = excluded.bytes,
             is_estimate = excluded.is_estimate, sampled_at = excluded.sampled_at";
    WRITE_RESOURCES: "write down what guards counted" =
        "INSERT INTO tenantry_control.usage_resource (tenant_id, resource, used, sampled_at)
         SELECT t.id, u.resource, u.used, now()
         FROM pg_catalog.jsonb_to_recordset($1) AS u (key text, resource text, used bigint)
         JOIN tenantry_control.tenant t ON t.key = u.key ORDER BY t.id, u.resource
         ON CONFLICT (tenant_id, resource) DO UPDATE SET used = excluded.used, sampled_at = excluded.sampled_at";
    GONE_TABLES: "forget what is not there any more" =
        "DELETE FROM tenantry_control.usage_table
         WHERE table_name <> ALL ($1)";
    GONE_FROM_TABLE: "forget what lay there before" =
        "DELETE FROM tenantry_control.usage_table WHERE table_name = $1";
    GONE_RESOURCES: "forget what is not counted any more" =
        "DELETE FROM tenantry_control.usage_resource
         WHERE sampled_at < (SELECT begun_at FROM tenantry_control.usage_sample)";
    OF_DAY: "write down the day" =
        "INSERT INTO tenantry_control.usage_size_day (tenant_id, day, rows, bytes)
         SELECT tenant_id, pg_catalog.date_trunc('day', now(), 'UTC'), sum(rows)::bigint, sum(bytes)::bigint
         FROM tenantry_control.usage_table GROUP BY tenant_id ORDER BY tenant_id
         ON CONFLICT (tenant_id, day) DO UPDATE SET rows = excluded.rows, bytes = excluded.bytes";
    ENDED: "note that the application's database was looked at" =
        "UPDATE tenantry_control.usage_sample SET ended_at = now(), tables = $1";
}

/// A table of the application whose rows belong to tenants. The SQL is made from quoted names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampledTable {
    /// Its name for people, with its schema.
    pub name: String,
    /// Its quoted name.
    pub from: String,
    /// Joins to where the tenant stands; it is called `t` in them.
    pub joins: String,
    /// The tenant's key.
    pub tenant: String,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sampled {
    /// Tables that were counted.
    pub tables: usize,
    /// Tables that could not be.
    pub failed: usize,
    /// Resources of quotas, times tenants.
    pub resources: usize,
}

/// Looks, unless somebody did within this time; `None` then. The login must see every tenant's rows.
pub(crate) async fn sample(
    db: &Db,
    application: &Target,
    tables: &[SampledTable],
    every: Duration,
) -> Result<Option<Sampled>, Error> {
    let tx = db.write(Scope::Platform, "task:usage").await?;
    // a bit less, so that a timer that rings early finds its turn
    let mine = tx.execute(&TURN, &[&(every.as_secs_f64() * 0.9)]).await?;
    tx.commit().await?;
    if mine == 0 {
        return Ok(None);
    }
    let session = Session::tool().with("statement_timeout", TABLE_TIME).with("lock_timeout", "3s");
    let client = connect_with(application, &session)
        .await
        .map_err(|e| Error::start("reach the application's database to see what is used").because(e))?;
    let mut sampled = Sampled::default();
    // what may not be seen is an error, and not a smaller number
    let begin = "SET row_security = off; SET default_transaction_read_only = on";
    client.batch_execute(begin).await.map_err(|e| failed("begin to look", &e))?;
    for table in tables {
        match count(&client, table).await {
            Ok(rows) => {
                let tx = db.write(Scope::Platform, "task:usage").await?;
                tx.execute(&GONE_FROM_TABLE, &[&table.name]).await?;
                for part in rows.chunks(WRITTEN_AT_ONCE) {
                    tx.execute(&WRITE_TABLES, &[&Value::Array(part.to_vec())]).await?;
                }
                tx.commit().await?;
                sampled.tables += 1;
            }
            Err(error) => {
                tracing::warn!("cannot see how much of {} is whose: {}", table.name, in_plain_words(&error));
                sampled.failed += 1;
            }
        }
    }
    let resources = guards(&client).await?;
    sampled.resources = resources.len();
    client.close().await;
    let tx = db.write(Scope::Platform, "task:usage").await?;
    for part in resources.chunks(WRITTEN_AT_ONCE) {
        tx.execute(&WRITE_RESOURCES, &[&Value::Array(part.to_vec())]).await?;
    }
    let names: Vec<&str> = tables.iter().map(|t| &*t.name).collect();
    tx.execute(&GONE_TABLES, &[&names]).await?;
    tx.execute(&GONE_RESOURCES, &[]).await?;
    tx.execute(&OF_DAY, &[]).await?;
    tx.execute(&ENDED, &[&i32::try_from(sampled.tables).unwrap_or(i32::MAX)]).await?;
    tx.commit().await?;
    Ok(Some(sampled))
}

/// The rows and bytes of each tenant in one table.
async fn count(client: &Client, table: &SampledTable) -> Result<Vec<Value>, tokio_postgres::Error> {
    // a partitioned table has its rows and bytes in its parts
    let size = "SELECT coalesce(sum(pg_catalog.pg_total_relation_size(p.relid)), 0)::bigint, \
                coalesce(sum(greatest(c.reltuples, 0)), 0)::double precision \
                FROM (SELECT $1::text::regclass AS relid UNION SELECT relid FROM pg_catalog.pg_partition_tree($1::text::regclass)) p \
                JOIN pg_catalog.pg_class c ON c.oid = p.relid";
    let row = client.query_one(size, &[&table.from]).await?;
    let (bytes, rows): (i64, f64) = (row.get(0), row.get(1));
    let percent = percent_of(rows);
    let sampling = percent.map(|p| format!(" TABLESAMPLE SYSTEM ({p})")).unwrap_or_default();
    let SampledTable { from, joins, tenant, .. } = table;
    let sql = format!(
        "SELECT ({tenant})::text, count(*), coalesce(sum(pg_catalog.pg_column_size(t.*)), 0)::bigint \
         FROM {from} AS t{sampling} {joins} GROUP BY 1"
    );
    let seen = client.query(&sql, &[]).await?;
    let whole: i64 = seen.iter().map(|row| row.get::<_, i64>(2)).sum();
    // rows without a tenant count in the whole, and are nobody's
    Ok(seen.iter().filter_map(|row| shares(row, table, (bytes, whole), percent)).collect())
}

fn shares(row: &Row, table: &SampledTable, (bytes, whole): (i64, i64), percent: Option<f64>) -> Option<Value> {
    let key: String = row.get::<_, Option<String>>(0)?;
    let (rows, size): (i64, i64) = (row.get(1), row.get(2));
    let rows = percent.map_or(rows, |p| (rows as f64 * 100.0 / p).round() as i64);
    let bytes = share(bytes, size, whole);
    Some(json!({ "key": key, "name": table.name, "rows": rows, "bytes": bytes, "estimate": percent.is_some() }))
}

/// `part` of `whole`, in `bytes`.
fn share(bytes: i64, part: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return 0;
    }
    i64::try_from(i128::from(bytes) * i128::from(part) / i128::from(whole)).unwrap_or(i64::MAX)
}

/// How much of a table of so many rows is looked at; `None` for all of it.
fn percent_of(rows: f64) -> Option<f64> {
    (rows > ROWS_EXACT_MAX).then(|| (100.0 * ROWS_SAMPLED / rows).clamp(0.001, 100.0))
}

/// What quota guards counted, where there are any.
async fn guards(client: &Client) -> Result<Vec<Value>, Error> {
    let there = "SELECT to_regprocedure(format('tenantry.quota_usage(%s)', t.typname)) IS NOT NULL FROM pg_catalog.pg_type t \
                 WHERE t.oid = (SELECT p.proargtypes[0] FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
                 WHERE n.nspname = 'tenantry' AND p.proname = 'quota_usage')";
    let there = client.query_opt(there, &[]).await.map_err(|e| failed("look for quotas", &e))?;
    if !there.is_some_and(|row| row.get(0)) {
        return Ok(Vec::new());
    }
    let sql = "SELECT tenant::text, resource, used FROM tenantry.quota_usage(NULL)";
    let rows = client.query(sql, &[]).await.map_err(|e| failed("ask what quotas counted", &e))?;
    // one for each tenant and resource, whatever a later version returns
    let mut all: BTreeMap<(String, String), i64> = BTreeMap::new();
    for row in &rows {
        all.insert((row.get(0), row.get(1)), row.get(2));
    }
    Ok(all
        .into_iter()
        .map(|((key, resource), used)| json!({ "key": key, "resource": resource, "used": used }))
        .collect())
}

fn failed(doing: &'static str, error: &tokio_postgres::Error) -> Error {
    Error::start(doing).because_text(in_plain_words(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_table_is_sampled_and_bytes_are_shared_out() {
        assert_eq!(percent_of(1000.0), None);
        assert_eq!(percent_of(10_000_000.0), Some(1.0));
        assert_eq!(percent_of(1e15), Some(0.001));
        assert_eq!((share(1000, 1, 4), share(1000, 0, 0), share(i64::MAX, i64::MAX, 1)), (250, 0, i64::MAX));
    }
}
