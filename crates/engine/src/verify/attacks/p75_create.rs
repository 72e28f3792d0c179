//! P-75: making things.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-75",
    title: "The runtime can create objects",
    severity: High,
    meaning: "CREATE on a schema or the database, TEMPORARY, and trusted extensions let a tenant put its own functions and tables in front of the application's.",
    method: "Asks for each schema and for the database whether a runtime login has CREATE or TEMPORARY, and tries to create an extension.",
    remedy: "REVOKE CREATE on schemas, and CREATE and TEMPORARY on the database, from PUBLIC and the runtime group.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let logins = stage.login_list();
    let rows = stage
        .look(&format!(
            "SELECT 'schema ' || nspname, (SELECT bool_or(has_schema_privilege(r.oid, n.oid, 'CREATE')) FROM pg_roles r WHERE r.rolname IN ({logins}))::text, 'CREATE' \
             FROM pg_namespace n WHERE nspname NOT LIKE 'pg\\_toast%' AND nspname NOT LIKE 'pg\\_temp%' \
             UNION ALL SELECT 'database', (SELECT bool_or(has_database_privilege(r.oid, current_database(), p)) FROM pg_roles r WHERE r.rolname IN ({logins}))::text, p \
             FROM unnest(ARRAY['CREATE', 'TEMPORARY']) p ORDER BY 1, 3"
        ))
        .await?;
    for row in rows {
        tally.tried();
        if row[1] == "true" {
            tally.broke(&row[0], format!("the runtime has {}", row[2]));
        }
    }
    stage.as_a.begin(Some(&stage.a)).await?;
    tally.attempt();
    // Asked for by a name that does not exist, so that nothing could be installed by mistake.
    let answer = stage.as_a.attempt("CREATE EXTENSION verify_no_such_extension", Wire::Simple).await?;
    if answer.is_denied() {
        tally.note("CREATE EXTENSION is refused");
    }
    stage.as_a.end().await?;
    Ok(tally.finish("place", "neither CREATE nor TEMPORARY"))
}
