//! Columns of tables and views, with what the statistics know of them.

use std::collections::HashMap;

use tenantry_blueprint::catalog::Column;
use tenantry_model::Ident;
use tenantry_pg::Client;

use super::Error;
use super::row::{Read, query};

const SQL: &str = "
SELECT a.attrelid AS relation, a.attname::text AS name,
       format_type(a.atttypid, a.atttypmod) AS type,
       -- NOT NULL may be declared and not yet checked (PostgreSQL 18)
       a.attnotnull AND NOT EXISTS (
         SELECT FROM pg_constraint k
         WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND NOT k.convalidated AND a.attnum = ANY (k.conkey)) AS not_null,
       pg_get_expr(d.adbin, d.adrelid) AS default,
       a.attidentity::text AS identity, a.attgenerated::text <> '' AS generated,
       CASE WHEN a.attcollation <> t.typcollation THEN quote_ident(cn.nspname) || '.' || quote_ident(c.collname) END AS collation,
       coalesce(c.collisdeterministic, true) AS deterministic,
       m.description AS comment, a.attacl::text[] AS acl
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_collation c ON c.oid = a.attcollation
LEFT JOIN pg_namespace cn ON cn.oid = c.collnamespace
LEFT JOIN pg_description m ON m.classoid = 'pg_class'::regclass AND m.objoid = a.attrelid AND m.objsubid = a.attnum
WHERE a.attrelid = ANY ($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum";

/// Of a partitioned table only the inherited statistics exist; of others their own count.
const STATISTICS: &str = "
SELECT c.oid AS relation, s.attname::text AS name, s.null_frac, s.n_distinct
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.inherited = (c.relkind = 'p')
WHERE c.oid = ANY ($1)";

/// Columns by the id of their relation, in order.
pub(super) type Columns = HashMap<u32, Vec<Column>>;

pub(super) async fn read(client: &Client, ids: &[u32]) -> Result<Columns, Error> {
    let (rows, statistics) = tokio::try_join!(
        query(client, "columns", SQL, Some(ids)),
        query(client, "statistics", STATISTICS, Some(ids)),
    )?;
    let mut known: HashMap<(u32, Ident), (f32, f32)> = HashMap::new();
    for row in &statistics {
        known.insert((row.id("relation")?, row.ident("name")?), (row.get("null_frac")?, row.get("n_distinct")?));
    }
    let mut columns = Columns::new();
    for row in &rows {
        let relation = row.id("relation")?;
        let mut column = column(row)?;
        if let Some((null_fraction, distinct)) = known.remove(&(relation, column.name.clone())) {
            (column.null_fraction, column.distinct) = (Some(null_fraction), Some(distinct));
        }
        columns.entry(relation).or_default().push(column);
    }
    Ok(columns)
}

fn column(row: &Read) -> Result<Column, Error> {
    Ok(Column {
        name: row.ident("name")?,
        data_type: row.text("type")?,
        not_null: row.flag("not_null")?,
        default: row.get("default")?,
        identity: row.text("identity")?.chars().next(),
        generated: row.flag("generated")?,
        collation: row.get("collation")?,
        collation_deterministic: row.flag("deterministic")?,
        acl: row.get("acl")?,
        comment: row.get("comment")?,
        null_fraction: None,
        distinct: None,
    })
}
