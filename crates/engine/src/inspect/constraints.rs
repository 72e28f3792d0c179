//! Primary keys, unique constraints, foreign keys, checks and exclusions.

use std::collections::{HashMap, HashSet};

use tenantry_blueprint::catalog::{Action, Check, ForeignKey, Key, Table};
use tenantry_model::Ident;
use tenantry_pg::Client;

use super::Error;
use super::row::{Read, query};

/// Column names come in the order of the key. A foreign key to a partitioned table has one more entry per partition,
/// on the same table: those are the server's own book-keeping. `conperiod` exists since PostgreSQL 18, hence `to_jsonb`.
const SQL: &str = "
SELECT k.conrelid AS relation, k.conindid AS index, k.conname::text AS name, k.contype::text AS kind,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u (number, place)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place) AS columns,
       rn.nspname::text AS referenced_schema, r.relname::text AS referenced_name,
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u (number, place)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number ORDER BY u.place) AS referenced_columns,
       k.confdeltype::text AS on_delete, k.confupdtype::text AS on_update, k.confmatchtype = 'f' AS match_full,
       ARRAY(SELECT a.attname::text FROM unnest(k.confdelsetcols) WITH ORDINALITY u (number, place)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place) AS on_delete_columns,
       k.condeferrable AS deferrable, k.condeferred AS deferred, k.convalidated AS validated,
       k.conparentid <> 0 OR k.coninhcount > 0 AS inherited,
       CASE WHEN k.contype IN ('p', 'u', 'f') AND current_setting('server_version_num')::int4 >= 180000
            THEN (to_jsonb(k) ->> 'conperiod')::bool ELSE false END AS period,
       coalesce(i.indnullsnotdistinct, false) AS nulls_not_distinct,
       pg_get_constraintdef(k.oid) AS definition, m.description AS comment
FROM pg_constraint k
LEFT JOIN pg_class r ON r.oid = k.confrelid
LEFT JOIN pg_namespace rn ON rn.oid = r.relnamespace
LEFT JOIN pg_index i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u')
LEFT JOIN pg_constraint parent ON parent.oid = k.conparentid
LEFT JOIN pg_description m ON m.classoid = 'pg_constraint'::regclass AND m.objoid = k.oid AND m.objsubid = 0
WHERE k.conrelid = ANY ($1) AND k.contype IN ('p', 'u', 'f', 'c', 'x')
  AND parent.conrelid IS DISTINCT FROM k.conrelid";

pub(super) async fn read(client: &Client, ids: &[u32]) -> Result<Vec<Read>, Error> {
    query(client, "constraints", SQL, Some(ids)).await
}

/// Puts each constraint into its table, and gives the ids of the indexes behind them.
pub(super) fn put(rows: &[Read], tables: &mut HashMap<u32, Table>) -> Result<HashSet<u32>, Error> {
    let mut indexes = HashSet::new();
    for row in rows {
        let Some(table) = tables.get_mut(&row.id("relation")?) else { continue };
        let kind = row.letter("kind")?;
        if matches!(kind, 'p' | 'u' | 'x') {
            indexes.insert(row.id("index")?);
        }
        match kind {
            'p' => table.primary_key = Some(key(row)?),
            'u' => table.uniques.push(key(row)?),
            'f' => table.foreign_keys.push(foreign_key(row)?),
            'c' => table.checks.push(check(row, table)?),
            _ => table.exclusions.push(check(row, table)?),
        }
    }
    for table in tables.values_mut() {
        table.uniques.sort_by(|a, b| a.name.cmp(&b.name));
        table.foreign_keys.sort_by(|a, b| a.name.cmp(&b.name));
        table.checks.sort_by(|a, b| a.name.cmp(&b.name));
        table.exclusions.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(indexes)
}

fn key(row: &Read) -> Result<Key, Error> {
    Ok(Key {
        name: row.ident("name")?,
        columns: row.idents("columns")?,
        deferrable: row.flag("deferrable")?,
        deferred: row.flag("deferred")?,
        nulls_not_distinct: row.flag("nulls_not_distinct")?,
        definition: row.text("definition")?,
        comment: row.get("comment")?,
        inherited: row.flag("inherited")?,
        period: row.flag("period")?,
    })
}

fn foreign_key(row: &Read) -> Result<ForeignKey, Error> {
    Ok(ForeignKey {
        name: row.ident("name")?,
        columns: row.idents("columns")?,
        references: row.qualified("referenced_schema", "referenced_name")?,
        referenced_columns: row.idents("referenced_columns")?,
        on_delete: action(row.letter("on_delete")?),
        on_delete_columns: row.idents("on_delete_columns")?,
        on_update: action(row.letter("on_update")?),
        match_full: row.flag("match_full")?,
        deferrable: row.flag("deferrable")?,
        deferred: row.flag("deferred")?,
        validated: row.flag("validated")?,
        definition: row.text("definition")?,
        comment: row.get("comment")?,
        inherited: row.flag("inherited")?,
        period: row.flag("period")?,
    })
}

fn check(row: &Read, table: &Table) -> Result<Check, Error> {
    let mentioned: Vec<Ident> = row.idents("columns")?;
    Ok(Check {
        name: row.ident("name")?,
        definition: row.text("definition")?,
        columns: table.columns.iter().map(|c| &c.name).filter(|c| mentioned.contains(c)).cloned().collect(),
        validated: row.flag("validated")?,
        inherited: row.flag("inherited")?,
    })
}

fn action(letter: char) -> Action {
    match letter {
        'r' => Action::Restrict,
        'c' => Action::Cascade,
        'n' => Action::SetNull,
        'd' => Action::SetDefault,
        _ => Action::NoAction,
    }
}
