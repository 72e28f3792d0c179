//! How big tables and indexes are on disk.

use std::collections::HashMap;

use tenantry_blueprint::catalog::Table;
use tenantry_pg::Client;

use super::Error;
use super::row::{Read, query};

const SQL: &str = "
SELECT c.oid AS id,
       CASE WHEN c.relkind = 'i' THEN pg_relation_size(c.oid) ELSE pg_table_size(c.oid) END AS bytes,
       pg_relation_size(c.oid) / current_setting('block_size')::int8 AS pages
FROM pg_class c
WHERE (c.oid = ANY ($1) OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = ANY ($1)))
  AND c.relkind IN ('r', 'i', 'f')";

pub(super) async fn read(client: &Client, ids: &[u32]) -> Result<Vec<Read>, Error> {
    query(client, "sizes", SQL, Some(ids)).await
}

/// Puts the sizes into their tables, and gives those of indexes by id.
pub(super) fn put(rows: &[Read], tables: &mut HashMap<u32, Table>) -> Result<HashMap<u32, i64>, Error> {
    let mut indexes = HashMap::new();
    for row in rows {
        // a relation dropped meanwhile has no size
        let bytes = row.get::<Option<i64>>("bytes")?.unwrap_or_default();
        match tables.get_mut(&row.id("id")?) {
            Some(table) => {
                table.size.bytes = bytes;
                table.size.pages = row.get::<Option<i64>>("pages")?.unwrap_or(table.size.pages);
            }
            None => {
                indexes.insert(row.id("id")?, bytes);
            }
        }
    }
    Ok(indexes)
}
