//! P-95: settings that switch the guards off.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-95",
    title: "The runtime may set a guarded parameter",
    severity: Medium,
    meaning: "GRANT SET ON PARAMETER lets a login set what only superusers should: session_replication_role = replica switches triggers and foreign keys off.",
    method: "Lists the parameter rights of the runtime logins, and tries to set session_replication_role and to ALTER SYSTEM.",
    remedy: "REVOKE SET, ALTER SYSTEM ON PARAMETER … FROM the role.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let rows = stage
        .look(&format!(
            "SELECT DISTINCT p.parname, x.privilege_type FROM pg_parameter_acl p, aclexplode(p.paracl) x, pg_roles r \
             WHERE r.rolname IN ({}) AND (x.grantee = 0 OR pg_has_role(r.oid, x.grantee, 'USAGE')) AND NOT r.rolsuper ORDER BY 1, 2",
            stage.login_list()
        ))
        .await?;
    for row in rows {
        tally.broke(format!("parameter {}", row[0]), format!("the runtime has {}", row[1]));
    }
    stage.as_a.begin(Some(&stage.a)).await?;
    for sql in ["SET LOCAL session_replication_role = replica", "SELECT pg_catalog.set_config('session_replication_role', 'replica', true)", "UPDATE pg_catalog.pg_settings SET setting = 'replica' WHERE name = 'session_replication_role'"] {
        tally.tried();
        tally.attempt();
        if matches!(stage.as_a.attempt(sql, Wire::Simple).await?, Answer::Done { .. }) {
            tally.broke("parameter session_replication_role", "the runtime can switch triggers and foreign keys off");
        }
    }
    stage.as_a.end().await?;
    Ok(tally.finish("statement", "refused"))
}
