//! S-09: memory of procedural languages.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "S-09",
    title: "A procedural language keeps memory between tenants",
    severity: Medium,
    meaning: "plperl's %_SHARED, plpython's GD, loaded libraries and the connection caches of foreign data wrappers live as long as the connection.",
    method: "Lists installed languages and extensions that keep such memory, and whether the runtime can use them.",
    remedy: "Drop what is not used, or close the connection between tenants.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let rows = stage
        .look(&format!(
            "SELECT 'language ' || l.lanname FROM pg_language l WHERE l.lanname IN ('plperl', 'plperlu', 'plpython3u', 'pltcl', 'pltclu', 'plv8') \
             AND EXISTS (SELECT 1 FROM pg_proc p, pg_roles r WHERE p.prolang = l.oid AND r.rolname IN ({0}) AND has_function_privilege(r.oid, p.oid, 'EXECUTE')) \
             UNION ALL SELECT 'extension ' || e.extname FROM pg_extension e WHERE e.extname IN ('postgres_fdw', 'dblink', 'hypopg') ORDER BY 1",
            stage.login_list()
        ))
        .await?;
    if rows.is_empty() {
        return Ok(Outcome::Pass("nothing that keeps memory is in the runtime's reach".into()));
    }
    let all: Vec<&str> = rows.iter().map(|r| r[0].as_str()).collect();
    Ok(Outcome::Residual(format!("{} keep memory as long as the connection lives: close it between tenants", names(&all))))
}
