//! P-31: functions that run as somebody else.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-31",
    title: "A SECURITY DEFINER function reaches every tenant",
    severity: Critical,
    meaning: "A SECURITY DEFINER function runs with its owner's rights, and EXECUTE belongs to PUBLIC by default. If policies do not bind the owner, the function reads and writes every tenant's rows.",
    method: "Lists the SECURITY DEFINER functions the runtime can execute, outside schema tenantry, whose owner is a superuser, has BYPASSRLS, or owns a protected table that is not forced. Those the registry allows, with a reason, are left out.",
    remedy: "REVOKE EXECUTE … FROM PUBLIC, make it SECURITY INVOKER, give it to the owner role that policies bind, or register it with a reason.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let rows = stage
        .look(&format!(
            "SELECT p.oid::regprocedure::text, n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', \
             (o.rolsuper OR o.rolbypassrls OR EXISTS (SELECT 1 FROM pg_class c WHERE c.oid IN ({}) \
               AND pg_has_role(o.oid, c.relowner, 'USAGE') AND NOT c.relforcerowsecurity))::text \
             FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_roles o ON o.oid = p.proowner \
             WHERE p.prosecdef AND n.nspname NOT IN ('tenantry', 'pg_catalog', 'information_schema') AND p.prorettype <> 'trigger'::regtype \
             AND EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname IN ({}) AND has_function_privilege(r.oid, p.oid, 'EXECUTE') \
               AND has_schema_privilege(r.oid, n.oid, 'USAGE')) \
             AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') ORDER BY 1",
            stage.subject_list(),
            stage.login_list()
        ))
        .await?;
    for row in rows {
        tally.tried();
        if let Some(entry) = stage.registry.functions.get(&row[1]) {
            tally.note(format!("{} is allowed by the registry: {}", row[0], entry.reason));
        } else if row[2] == "true" {
            tally.broke(&row[0], "runs with the rights of an owner whom policies do not bind, and the runtime can execute it");
        }
    }
    Ok(tally.finish_static("SECURITY DEFINER function in the runtime's reach", "its owner is bound by the policies"))
}
