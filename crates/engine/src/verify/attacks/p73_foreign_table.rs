//! P-73: tables that live elsewhere.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-73",
    title: "A foreign table shows all tenants",
    severity: High,
    meaning: "Foreign tables cannot have row-level security, and connect as one remote user.",
    method: "Lists the foreign tables the runtime has a right on.",
    remedy: "Revoke it, or let the other server keep tenants apart and accept it in the registry with the reason.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let rows = stage
        .look(&format!(
            "SELECT c.oid::regclass::text, (SELECT bool_or(has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE')) \
             FROM pg_roles r WHERE r.rolname IN ({}))::text FROM pg_class c WHERE c.relkind = 'f' ORDER BY 1",
            stage.login_list()
        ))
        .await?;
    for row in rows {
        tally.tried();
        if row[1] == "true" {
            tally.broke(&row[0], "the runtime has a right on it, and it cannot have policies");
        }
    }
    Ok(tally.finish_static("foreign table", "out of the runtime's reach"))
}
