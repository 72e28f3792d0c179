//! Tables, partitions and foreign tables themselves, and sequences.

use std::collections::HashMap;

use tenantry_blueprint::catalog::{Sequence, Size, Table, TableKind};
use tenantry_model::{Ident, QualifiedName};
use tenantry_pg::Client;

use super::Error;
use super::row::{Read, SCHEMAS, query};

fn tables_sql() -> String {
    format!(
        "
SELECT c.oid AS id, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind, c.relispartition AS partition,
       pg_get_userbyid(c.relowner)::text AS owner, c.relacl::text[] AS acl, c.relpersistence = 'u' AS unlogged,
       c.relrowsecurity AS rls_enabled, c.relforcerowsecurity AS rls_forced, c.relreplident::text AS replica_identity,
       c.relnatts AS slots, c.reltuples::float8 AS rows, c.relpages::int8 AS pages,
       CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS partition_key,
       CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END AS partition_bound,
       ARRAY(SELECT i.inhparent FROM pg_inherits i WHERE i.inhrelid = c.oid ORDER BY i.inhseqno) AS parents
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND {SCHEMAS}
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"
    )
}

fn sequences_sql() -> String {
    format!(
        "
SELECT n.nspname::text AS schema, c.relname::text AS name, pg_get_userbyid(c.relowner)::text AS owner, c.relacl::text[] AS acl,
       tn.nspname::text AS table_schema, t.relname::text AS table_name, a.attname::text AS column_name
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_depend o ON o.classid = 'pg_class'::regclass AND o.objid = c.oid AND o.objsubid = 0
     AND o.refclassid = 'pg_class'::regclass AND o.refobjsubid > 0 AND o.deptype IN ('a', 'i')
LEFT JOIN pg_class t ON t.oid = o.refobjid
LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = o.refobjsubid
WHERE c.relkind = 'S' AND {SCHEMAS}
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"
    )
}

/// The tables, without what belongs to them yet, by id.
pub(super) async fn tables(client: &Client) -> Result<HashMap<u32, Table>, Error> {
    let rows = query(client, "tables", &tables_sql(), None).await?;
    let mut names: HashMap<u32, QualifiedName> = HashMap::new();
    for row in &rows {
        names.insert(row.id("id")?, row.qualified("schema", "name")?);
    }
    rows.iter().map(|row| Ok((row.id("id")?, table(row, &names)?))).collect()
}

fn table(row: &Read, names: &HashMap<u32, QualifiedName>) -> Result<Table, Error> {
    let kind = match (row.letter("kind")?, row.flag("partition")?) {
        ('f', _) => TableKind::Foreign,
        (_, true) => TableKind::Partition,
        ('p', false) => TableKind::Partitioned,
        _ => TableKind::Table,
    };
    let parents: Vec<u32> = row.get("parents")?;
    Ok(Table {
        name: row.qualified("schema", "name")?,
        oid: row.id("id")?,
        kind,
        owner: row.ident("owner")?,
        acl: row.get("acl")?,
        parents: parents.iter().filter_map(|p| names.get(p).cloned()).collect(),
        partition_key: row.get("partition_key")?,
        partition_bound: row.get("partition_bound")?,
        unlogged: row.flag("unlogged")?,
        columns: Vec::new(),
        column_slots: row.get::<i16>("slots")?.unsigned_abs(),
        primary_key: None,
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        exclusions: Vec::new(),
        indexes: Vec::new(),
        triggers: Vec::new(),
        rules: Vec::new(),
        rls_enabled: row.flag("rls_enabled")?,
        rls_forced: row.flag("rls_forced")?,
        policies: Vec::new(),
        replica_identity: row.letter("replica_identity")?,
        size: Size { rows: row.get::<f64>("rows")? as i64, pages: row.get("pages")?, bytes: 0, index_bytes: 0 },
    })
}

/// The sequences, sorted.
pub(super) async fn sequences(client: &Client) -> Result<Vec<Sequence>, Error> {
    let rows = query(client, "sequences", &sequences_sql(), None).await?;
    let mut sequences: Vec<Sequence> = rows.iter().map(sequence).collect::<Result<_, _>>()?;
    sequences.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sequences)
}

fn sequence(row: &Read) -> Result<Sequence, Error> {
    let owned: Option<&str> = row.get("column_name")?;
    let owned_by: Option<(QualifiedName, Ident)> = match owned {
        Some(_) => Some((row.qualified("table_schema", "table_name")?, row.ident("column_name")?)),
        None => None,
    };
    Ok(Sequence { name: row.qualified("schema", "name")?, owner: row.ident("owner")?, acl: row.get("acl")?, owned_by })
}
