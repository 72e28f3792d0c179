//! Views and materialized views: with whose rights they run, and what they read.

use std::collections::HashMap;

use tenantry_blueprint::catalog::View;
use tenantry_pg::Client;

use super::Error;
use super::row::{Read, SCHEMAS, query};

fn views_sql() -> String {
    format!(
        "
SELECT c.oid AS id, n.nspname::text AS schema, c.relname::text AS name, pg_get_userbyid(c.relowner)::text AS owner,
       c.relacl::text[] AS acl, c.relkind = 'm' AS materialized,
       EXISTS (SELECT FROM pg_options_to_table(c.reloptions) o
               WHERE o.option_name = 'security_invoker' AND o.option_value::bool) AS security_invoker,
       EXISTS (SELECT FROM pg_options_to_table(c.reloptions) o
               WHERE o.option_name = 'security_barrier' AND o.option_value::bool) AS security_barrier,
       ARRAY(SELECT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS columns
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND {SCHEMAS}
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"
    )
}

const DEPENDENCIES: &str = "
SELECT DISTINCT w.ev_class AS id, n.nspname::text AS schema, r.relname::text AS name
FROM pg_rewrite w
JOIN pg_class v ON v.oid = w.ev_class AND v.relkind IN ('v', 'm')
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
JOIN pg_class r ON r.oid = d.refobjid AND r.oid <> w.ev_class AND r.relkind IN ('r', 'p', 'f', 'v', 'm')
JOIN pg_namespace n ON n.oid = r.relnamespace
WHERE w.rulename = '_RETURN'";

/// The views, sorted.
pub(super) async fn read(client: &Client) -> Result<Vec<View>, Error> {
    let sql = views_sql();
    let (rows, dependencies) =
        tokio::try_join!(query(client, "views", &sql, None), query(client, "views", DEPENDENCIES, None))?;
    let mut views = HashMap::new();
    for row in &rows {
        views.insert(row.id("id")?, view(row)?);
    }
    for row in &dependencies {
        if let Some(view) = views.get_mut(&row.id("id")?) {
            view.depends_on.push(row.qualified("schema", "name")?);
        }
    }
    let mut views: Vec<View> = views.into_values().collect();
    views.iter_mut().for_each(|v| v.depends_on.sort());
    views.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(views)
}

fn view(row: &Read) -> Result<View, Error> {
    Ok(View {
        name: row.qualified("schema", "name")?,
        owner: row.ident("owner")?,
        acl: row.get("acl")?,
        materialized: row.flag("materialized")?,
        security_invoker: row.flag("security_invoker")?,
        security_barrier: row.flag("security_barrier")?,
        columns: row.idents("columns")?,
        depends_on: Vec::new(),
    })
}
