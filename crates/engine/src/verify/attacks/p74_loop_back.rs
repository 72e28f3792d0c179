//! P-74: a connection from the database to itself.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-74",
    title: "The database can be asked to connect to itself",
    severity: High,
    meaning: "dblink and postgres_fdw open a second connection, as another role or without the tenant, from inside the server.",
    method: "Asks whether a runtime login can execute dblink's functions or use a foreign data wrapper, server or user mapping.",
    remedy: "REVOKE EXECUTE on dblink's functions and USAGE on the wrappers from PUBLIC, or drop the extensions.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let logins = stage.login_list();
    let rows = stage
        .look(&format!(
            "SELECT p.oid::regprocedure::text, (SELECT bool_or(has_function_privilege(r.oid, p.oid, 'EXECUTE') AND has_schema_privilege(r.oid, p.pronamespace, 'USAGE')) \
               FROM pg_roles r WHERE r.rolname IN ({logins}))::text \
             FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' \
             JOIN pg_extension e ON e.oid = d.refobjid WHERE e.extname IN ('dblink', 'plpython3u', 'plperlu', 'pg_background') \
             AND p.proname ~ '^(dblink|dblink_connect|dblink_exec|pg_background_launch)$' \
             UNION ALL SELECT 'foreign server ' || s.srvname, (SELECT bool_or(has_server_privilege(r.oid, s.oid, 'USAGE')) FROM pg_roles r WHERE r.rolname IN ({logins}))::text \
             FROM pg_foreign_server s \
             UNION ALL SELECT 'language ' || l.lanname, (SELECT bool_or(has_language_privilege(r.oid, l.oid, 'USAGE')) FROM pg_roles r WHERE r.rolname IN ({logins}))::text \
             FROM pg_language l WHERE NOT l.lanpltrusted AND l.lanname NOT IN ('internal', 'c') ORDER BY 1"
        ))
        .await?;
    for row in rows {
        tally.tried();
        if row[1] == "true" {
            tally.broke(&row[0], "in the runtime's reach");
        }
    }
    Ok(tally.finish_static("way to connect from inside", "out of the runtime's reach"))
}
