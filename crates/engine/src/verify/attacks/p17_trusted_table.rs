//! P-17: a policy that trusts a table the tenant can write.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-17",
    title: "A policy trusts a table that tenants can write",
    severity: Critical,
    meaning: "A policy whose sub-select reads a table of memberships or shares gives access to whoever can write a row there.",
    method: "Reads from the dependencies which other tables the policies of protected tables look at. Each of them must be protected itself, or not be writable by the runtime.",
    remedy: "Protect the table that is looked at, or take the write rights from the runtime group.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let rows = stage
        .look(&format!(
            "SELECT DISTINCT p.polrelid::regclass::text, d.refobjid::regclass::text, \
             (c.relrowsecurity AND EXISTS (SELECT 1 FROM pg_policy q WHERE q.polrelid = c.oid AND NOT q.polpermissive))::text, \
             (SELECT bool_or(has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE') OR has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE')) \
              FROM pg_roles r WHERE r.rolname IN ({}))::text \
             FROM pg_policy p JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid \
             AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> p.polrelid JOIN pg_class c ON c.oid = d.refobjid \
             WHERE p.polrelid IN ({}) ORDER BY 1, 2",
            stage.login_list(),
            stage.subject_list()
        ))
        .await?;
    for row in rows {
        tally.tried();
        if row[2] != "true" && row[3] == "true" {
            tally.broke(&row[0], format!("its policy trusts {}, which the runtime can write", row[1]));
        }
    }
    Ok(tally.finish_static("reference of a policy to another table", "that table is protected or not writable"))
}
