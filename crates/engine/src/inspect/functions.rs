//! Functions and procedures: with whose rights they run, and a hash of what they do. Bodies stay on the server.

use tenantry_blueprint::catalog::Function;
use tenantry_pg::Client;

use super::Error;
use super::row::{Read, SCHEMAS, query};

fn sql() -> String {
    format!(
        "
SELECT n.nspname::text AS schema, p.proname::text AS name, pg_get_function_identity_arguments(p.oid) AS arguments,
       pg_get_userbyid(p.proowner)::text AS owner, p.proacl::text[] AS acl, l.lanname::text AS language,
       coalesce(pg_get_function_result(p.oid), '') AS returns, p.prokind::text AS kind, p.prosecdef AS security_definer,
       p.proleakproof AS leakproof, p.provolatile::text AS volatility,
       (SELECT substr(setting, length('search_path=') + 1) FROM unnest(p.proconfig) setting
        WHERE starts_with(setting, 'search_path=')) AS search_path,
       encode(sha256(convert_to(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc, ''), 'UTF8')), 'hex') AS body_hash
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_language l ON l.oid = p.prolang
WHERE {SCHEMAS}
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')"
    )
}

/// The functions, sorted by name and arguments.
pub(super) async fn read(client: &Client) -> Result<Vec<Function>, Error> {
    let rows = query(client, "functions", &sql(), None).await?;
    let mut functions: Vec<Function> = rows.iter().map(function).collect::<Result<_, _>>()?;
    functions.sort_by(|a, b| (&a.name, &a.arguments).cmp(&(&b.name, &b.arguments)));
    Ok(functions)
}

fn function(row: &Read) -> Result<Function, Error> {
    Ok(Function {
        name: row.qualified("schema", "name")?,
        arguments: row.text("arguments")?,
        owner: row.ident("owner")?,
        acl: row.get("acl")?,
        language: row.text("language")?,
        returns: row.text("returns")?,
        kind: row.letter("kind")?,
        security_definer: row.flag("security_definer")?,
        leakproof: row.flag("leakproof")?,
        volatility: row.letter("volatility")?,
        search_path: row.get("search_path")?,
        body_hash: row.text("body_hash")?,
    })
}
