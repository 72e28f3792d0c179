//! P-12: a role with rights on a table and no tenant policy that applies to it.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-12",
    title: "A role has rights on a table but is outside its tenant policy",
    severity: High,
    meaning: "A policy that is only TO one role does not bind the others. An analyst's or a support login with a grant on the table then reads every tenant.",
    method: "Reads, for every protected table, to whom its restrictive policies apply, and which login roles other than superusers and BYPASSRLS roles have a right on it: each of them must be bound.",
    remedy: "Make the restrictive policy TO PUBLIC (`tenantry complete` does), and revoke what the role does not need.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let rows = stage
        .look(&format!(
            "SELECT c.oid::regclass::text, string_agg(r.rolname, ', ' ORDER BY r.rolname) FROM pg_class c, pg_roles r \
             WHERE c.oid IN ({}) AND NOT r.rolsuper AND NOT r.rolbypassrls \
             AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE') \
             AND r.rolname NOT LIKE 'pg\\_%' AND r.rolname <> {} \
             AND NOT EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive AND p.polname NOT LIKE 'tenantry\\_scope%' \
               AND (p.polroles = '{{0}}' OR EXISTS (SELECT 1 FROM unnest(p.polroles) o(oid) WHERE pg_has_role(r.oid, o.oid, 'USAGE')))) \
             GROUP BY 1 ORDER BY 1",
            stage.subject_list(),
            literal(stage.blueprint.roles.keeper.as_str())
        ))
        .await?;
    for row in rows {
        tally.broke(&row[0], format!("not bound: {}", row[1]));
    }
    for table in &stage.subjects {
        tally.tried();
        let mut policies = table.structure.policies.iter();
        // the second level binds within a tenant only
        let of_tenant = |name: &str| !name.starts_with("tenantry_scope");
        if !policies.any(|p| !p.permissive && of_tenant(p.name.as_str()) && holds_everybody(stage, table, p)) {
            tally.broke(&table.table, "its tenant policy is not for everybody");
        }
    }
    Ok(tally.finish("table", "every role with a right on it is bound by the tenant policy"))
}
