//! P-03: the owner of a table is not under its policies unless they are forced.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-03",
    title: "Row-level security is not forced on the owner",
    severity: Critical,
    meaning: "Policies do not apply to a table's owner unless FORCE ROW LEVEL SECURITY is set. Views and SECURITY DEFINER functions of the owner then show all tenants, and so does a connection as the owner.",
    method: "Reads the FORCE flag of every protected table and partition, and whether a runtime login owns one.",
    remedy: "Run `tenantry complete`, or ALTER TABLE … FORCE ROW LEVEL SECURITY.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let rows = stage
        .look(&format!(
            "SELECT c.oid::regclass::text, c.relforcerowsecurity::text, \
             (SELECT string_agg(r.rolname, ', ') FROM pg_roles r WHERE r.rolname IN ({}) AND r.oid = c.relowner) \
             FROM pg_class c WHERE c.oid IN ({}) ORDER BY 1",
            stage.login_list(),
            stage.subject_list()
        ))
        .await?;
    for row in rows {
        tally.tried();
        if row[1] != "true" {
            tally.broke(&row[0], "not forced");
        } else if !row[2].is_empty() {
            tally.broke(&row[0], "owned by a runtime login, who can switch FORCE off");
        }
    }
    Ok(tally.finish("table", "forced, and not owned by a runtime login"))
}
