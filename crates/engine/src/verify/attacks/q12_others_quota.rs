//! other tenants' numbers.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "Q-12",
    title: "A tenant reads or changes the quota of another, or its own limit",
    severity: Medium,
    meaning: "Who can call what sets limits, or name another tenant where usage is read, raises its own limit, lowers a competitor's, or reads how much business others do.",
    method: "Reads which functions and tables of the counters a runtime login has rights on: only those that know the tenant by its context. Then, as A, calls the others with B's key and writes the tables: all must be refused.",
    remedy: "REVOKE what is named from the runtime group; the control plane's group is the only one that needs it.",
    run: |stage| Box::pin(run(stage)),
};

/// What the application may call: both ask the context whose the call is.
pub(super) const OPEN: [&str; 2] = ["quota_mine", "use_reservation"];

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    if stage.blueprint.resources.is_empty() {
        return Ok(tally.finish_static("function or table of the counters", ""));
    }
    let logins = stage.login_list();
    let open = OPEN.map(literal).join(", ");
    let reach = format!(
        "SELECT p.oid::pg_catalog.regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'tenantry'::pg_catalog.regnamespace \
           AND p.proname LIKE 'quota%' AND p.proname NOT IN ({open}) AND EXISTS (SELECT FROM pg_roles r WHERE r.rolname IN ({logins}) AND has_function_privilege(r.oid, p.oid, 'EXECUTE')) \
         UNION ALL SELECT c.oid::pg_catalog.regclass::text FROM pg_class c WHERE c.relnamespace = 'tenantry'::pg_catalog.regnamespace AND c.relkind = 'r' \
           AND c.relname LIKE 'quota%' AND EXISTS (SELECT FROM pg_roles r WHERE r.rolname IN ({logins}) \
             AND (has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') OR has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE'))) ORDER BY 1"
    );
    for object in stage.list(&reach).await? {
        tally.broke(object, "a runtime login has a right on it");
    }
    let b = key(&stage.b);
    stage.as_a.begin(Some(&stage.a)).await?;
    for resource in &stage.blueprint.resources {
        tally.tried();
        let name = literal(&resource.name);
        for (object, sql) in [
            ("quota_usage", format!("SELECT * FROM tenantry.quota_usage({b})")),
            ("quota_set_limit", format!("SELECT tenantry.quota_set_limit({b}, {name}, 0)")),
            ("quota_set_limit", format!("SELECT tenantry.quota_set_limit({}, {name}, NULL)", key(&stage.a))),
            ("quota_reserve", format!("SELECT tenantry.quota_reserve({b}, {name}, 1, '1 hour')")),
            ("quota_charge", format!("SELECT tenantry.quota_charge({name}, {}, '-infinity', -1000)", key(&stage.a))),
            ("quota", format!("SELECT FROM tenantry.quota WHERE resource = {name}")),
            ("quota", "UPDATE tenantry.quota SET used = 0".to_owned()),
            ("quota_delta", "DELETE FROM tenantry.quota_delta".to_owned()),
        ] {
            tally.attempt();
            if !stage.as_a.attempt(&sql, Wire::Simple).await?.is_denied() {
                tally.broke(format!("tenantry.{object}"), "tenant A is not refused");
            }
        }
    }
    stage.as_a.end().await?;
    Ok(tally.finish_static("counted resource", "the application learns of its own tenant and changes nothing"))
}
