//! P-32: borrowed rights and a borrowed search path.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-32",
    title: "A SECURITY DEFINER function can be led astray by its search_path",
    severity: Critical,
    meaning: "A SECURITY DEFINER function that finds its tables by the caller's search_path reads what the caller put there. pg_temp is searched first unless it is named last, so that even a pinned search_path is not enough where temporary tables are allowed.",
    method: "Lists the SECURITY DEFINER functions the runtime can execute: each must pin a search_path that ends in pg_temp, or temporary objects and CREATE must be out of reach and the path pinned. Functions of schema tenantry that pin none are those whose every name is written in full. Then tries to create a temporary table and a table in every schema.",
    remedy: "ALTER FUNCTION … SET search_path = pg_catalog, …, pg_temp; revoke TEMPORARY on the database.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let rows = stage
        .look(&format!(
            "SELECT p.oid::regprocedure::text, n.nspname::text, \
             (SELECT substr(s, 13) FROM unnest(p.proconfig) s WHERE s LIKE 'search_path=%') \
             FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
             WHERE p.prosecdef AND n.nspname <> 'pg_catalog' \
             AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') \
             AND EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname IN ({}) AND has_function_privilege(r.oid, p.oid, 'EXECUTE') \
               AND has_schema_privilege(r.oid, n.oid, 'USAGE')) ORDER BY 1",
            stage.login_list()
        ))
        .await?;
    for row in rows {
        tally.tried();
        let path = row[2].trim();
        let ours_in_full = row[1] == "tenantry" && is_written_in_full(&row[0]);
        if path.is_empty() && !ours_in_full {
            tally.broke(&row[0], "pins no search_path");
        } else if !path.is_empty() && !path.trim_matches('"').ends_with("pg_temp") {
            tally.broke(&row[0], "its search_path does not end in pg_temp");
        }
    }
    stage.as_a.begin(Some(&stage.a)).await?;
    tally.attempt();
    if let Answer::Done { .. } = stage.as_a.attempt("CREATE TEMP TABLE verify_shadow (x int)", Wire::Simple).await? {
        tally.note("temporary tables are allowed");
    }
    stage.as_a.end().await?;
    Ok(tally.finish_static("SECURITY DEFINER function in the runtime's reach", "its names cannot be led astray"))
}

/// The context functions run for every statement; a SET clause would cost each of them, so that their names and
/// operators are qualified one by one instead.
fn is_written_in_full(signature: &str) -> bool {
    let name = signature.trim_start_matches("tenantry.");
    name.starts_with("tenant_id") || name.starts_with("scope_id")
}
