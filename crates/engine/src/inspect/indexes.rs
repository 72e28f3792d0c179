//! Indexes, and whether row-level security lets a query use them.

use std::collections::{HashMap, HashSet};

use tenantry_blueprint::catalog::{Index, IndexKey, Table};
use tenantry_model::Ident;
use tenantry_pg::Client;

use super::Error;
use super::row::{Read, query};

/// Leakproof is judged per operator class: of a B-tree and a hash index all its operators over the class's own type
/// must be leakproof, of other methods every operator. An expression is taken not to be: the function in it would
/// have to be leakproof as well, and next to none is.
const SQL: &str = "
WITH mine AS MATERIALIZED (SELECT * FROM pg_index WHERE indrelid = ANY ($1)),
class AS MATERIALIZED (
  SELECT o.oid, bool_and(p.proleakproof) AS leakproof
  FROM (SELECT DISTINCT unnest(indclass) AS oid FROM mine) used
  JOIN pg_opclass o ON o.oid = used.oid
  JOIN pg_am m ON m.oid = o.opcmethod
  JOIN pg_amop a ON a.amopfamily = o.opcfamily AND a.amoppurpose = 's'
   AND (m.amname NOT IN ('btree', 'hash') OR (a.amoplefttype = o.opcintype AND a.amoprighttype = o.opcintype))
  JOIN pg_operator op ON op.oid = a.amopopr
  JOIN pg_proc p ON p.oid = op.oprcode
  GROUP BY o.oid)
SELECT i.indrelid AS relation, c.relname::text AS name, m.amname::text AS method, i.indisunique AS unique,
       i.indnullsnotdistinct AS nulls_not_distinct, i.indisvalid AND i.indisready AND i.indislive AS valid,
       i.indisclustered AS clustered, c.relispartition AS inherited,
       pg_get_expr(i.indpred, i.indrelid, true) AS predicate, pg_get_indexdef(i.indexrelid) AS definition,
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY u (number, place)
             LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.number ORDER BY u.place) AS columns,
       ARRAY(SELECT CASE WHEN i.indkey[n - 1] = 0 THEN pg_get_indexdef(i.indexrelid, n, true)
                    ELSE (SELECT quote_ident(a.attname) FROM pg_attribute a
                          WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[n - 1]) END
             FROM generate_series(1, i.indnkeyatts) n) AS keys,
       i.indoption::int2[] AS options,
       NOT (0 = ANY (i.indkey)) AND (SELECT bool_and(class.leakproof) FROM class WHERE class.oid = ANY (i.indclass)) AS leakproof,
       d.description AS comment, i.indexrelid AS id
FROM mine i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_am m ON m.oid = c.relam
LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = i.indexrelid AND d.objsubid = 0";

pub(super) async fn read(client: &Client, ids: &[u32]) -> Result<Vec<Read>, Error> {
    query(client, "indexes", SQL, Some(ids)).await
}

/// Puts each index into its table. `bytes` is by id of the index; `of_constraints` holds those behind constraints, for
/// which the server has no index to look them up by.
pub(super) fn put(
    rows: &[Read],
    bytes: &HashMap<u32, i64>,
    of_constraints: &HashSet<u32>,
    tables: &mut HashMap<u32, Table>,
) -> Result<(), Error> {
    for row in rows {
        let Some(table) = tables.get_mut(&row.id("relation")?) else { continue };
        let mut index = index(row)?;
        index.bytes = bytes.get(&row.id("id")?).copied().unwrap_or_default();
        index.of_constraint = of_constraints.contains(&row.id("id")?);
        table.size.index_bytes += index.bytes;
        table.indexes.push(index);
    }
    tables.values_mut().for_each(|t| t.indexes.sort_by(|a, b| a.name.cmp(&b.name)));
    Ok(())
}

fn index(row: &Read) -> Result<Index, Error> {
    let columns: Vec<Option<String>> = row.get("columns")?;
    let mut columns = columns.into_iter().map(|c| c.and_then(|c| Ident::new(c).ok()));
    let keys: Vec<String> = row.get("keys")?;
    let options: Vec<i16> = row.get("options")?;
    let key = |(place, sql): (usize, String), column: Option<Ident>| IndexKey {
        column,
        sql,
        // the lowest bit of pg_index.indoption
        descending: options.get(place).is_some_and(|o| o & 1 == 1),
    };
    Ok(Index {
        name: row.ident("name")?,
        keys: keys.into_iter().enumerate().map(|k| key(k, columns.next().flatten())).collect(),
        include: columns.flatten().collect(),
        method: row.text("method")?,
        unique: row.flag("unique")?,
        nulls_not_distinct: row.flag("nulls_not_distinct")?,
        of_constraint: false,
        valid: row.flag("valid")?,
        predicate: row.get("predicate")?,
        definition: row.text("definition")?,
        clustered: row.flag("clustered")?,
        comment: row.get("comment")?,
        bytes: 0,
        leakproof: row.get("leakproof")?,
        inherited: row.flag("inherited")?,
    })
}
