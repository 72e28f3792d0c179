//! What happens on its own when rows are touched: triggers, rewrite rules, row-level policies.

use std::collections::HashMap;

use tenantry_blueprint::catalog::{Policy, Table, Trigger};
use tenantry_pg::Client;

use super::Error;
use super::row::{Read, query};

const TRIGGERS: &str = "
SELECT t.tgrelid AS relation, t.tgname::text AS name, n.nspname::text AS function_schema, p.proname::text AS function_name,
       pg_get_triggerdef(t.oid) AS definition, t.tgenabled::text AS enabled, t.tgtype & 1 = 1 AS row,
       t.tgparentid <> 0 AS inherited
FROM pg_trigger t
JOIN pg_proc p ON p.oid = t.tgfoid
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE t.tgrelid = ANY ($1) AND NOT t.tgisinternal";

const RULES: &str = "
SELECT r.ev_class AS relation, r.rulename::text AS name FROM pg_rewrite r
WHERE r.ev_class = ANY ($1) AND r.rulename <> '_RETURN'";

const POLICIES: &str = "
SELECT p.polrelid AS relation, p.polname::text AS name, p.polpermissive AS permissive, p.polcmd::text AS command,
       ARRAY(SELECT CASE role WHEN 0 THEN 'public' ELSE pg_get_userbyid(role)::text END FROM unnest(p.polroles) role) AS roles,
       pg_get_expr(p.polqual, p.polrelid) AS using, pg_get_expr(p.polwithcheck, p.polrelid) AS check
FROM pg_policy p WHERE p.polrelid = ANY ($1)";

/// The rows of the three subjects.
pub(super) struct Rows {
    triggers: Vec<Read>,
    rules: Vec<Read>,
    policies: Vec<Read>,
}

pub(super) async fn read(client: &Client, ids: &[u32]) -> Result<Rows, Error> {
    let (triggers, rules, policies) = tokio::try_join!(
        query(client, "triggers", TRIGGERS, Some(ids)),
        query(client, "rules", RULES, Some(ids)),
        query(client, "policies", POLICIES, Some(ids)),
    )?;
    Ok(Rows { triggers, rules, policies })
}

/// Puts each into its table.
pub(super) fn put(rows: &Rows, tables: &mut HashMap<u32, Table>) -> Result<(), Error> {
    for row in &rows.triggers {
        let Some(table) = tables.get_mut(&row.id("relation")?) else { continue };
        table.triggers.push(trigger(row)?);
    }
    for row in &rows.rules {
        let Some(table) = tables.get_mut(&row.id("relation")?) else { continue };
        table.rules.push(row.text("name")?);
    }
    for row in &rows.policies {
        let Some(table) = tables.get_mut(&row.id("relation")?) else { continue };
        table.policies.push(policy(row)?);
    }
    for table in tables.values_mut() {
        table.triggers.sort_by(|a, b| a.name.cmp(&b.name));
        table.rules.sort();
        table.policies.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(())
}

fn trigger(row: &Read) -> Result<Trigger, Error> {
    Ok(Trigger {
        name: row.ident("name")?,
        function: row.qualified("function_schema", "function_name")?,
        definition: row.text("definition")?,
        enabled: row.letter("enabled")?,
        row: row.flag("row")?,
        inherited: row.flag("inherited")?,
    })
}

fn policy(row: &Read) -> Result<Policy, Error> {
    let mut roles: Vec<String> = row.get("roles")?;
    roles.sort();
    Ok(Policy {
        name: row.ident("name")?,
        permissive: row.flag("permissive")?,
        command: row.letter("command")?,
        roles,
        using: row.get("using")?,
        check: row.get("check")?,
    })
}
