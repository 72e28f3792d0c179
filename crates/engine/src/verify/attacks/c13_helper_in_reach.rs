//! C-13: a helper that switches the tenant.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "C-13",
    title: "A helper function switches the tenant without a signature",
    severity: High,
    meaning: "A SECURITY DEFINER helper that switches the tenant \"for support\" is a door for whoever can call it.",
    method: "Lists the functions of schema tenantry that a runtime login can execute: only those of the context, which ask for a signature, the two of quotas that ask the context, and the declared look-ups may be among them. Looks for functions elsewhere whose source calls setval on, or enters, the context.",
    remedy: "Revoke EXECUTE on the function from PUBLIC and the runtime group.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let rows = stage
        .look(&format!(
            "SELECT p.oid::regprocedure::text, p.proname::text, p.prosecdef::text, o.rolname::text FROM pg_proc p JOIN pg_roles o ON o.oid = p.proowner \
             WHERE p.pronamespace = 'tenantry'::regnamespace AND EXISTS (SELECT 1 FROM pg_roles r \
               WHERE r.rolname IN ({}) AND has_function_privilege(r.oid, p.oid, 'EXECUTE')) ORDER BY 1",
            stage.login_list()
        ))
        .await?;
    let keeper = stage.blueprint.roles.keeper.as_str();
    for row in rows {
        tally.tried();
        let name = row[1].as_str();
        let known = matches!(name, "enter" | "leave" | "hold" | "release" | "bind_session") || super::q12_others_quota::OPEN.contains(&name) || name.starts_with("tenant_id") || name.starts_with("scope_id");
        let lookup = name.strip_prefix("lookup_").is_some();
        let ours = known || lookup || row[2] != "true" || name.starts_with("fill_") || name.starts_with("tenantry_");
        if !ours {
            tally.broke(&row[0], "runs with other rights and is no function of the context or a declared look-up");
        } else if known && row[2] == "true" && row[3] != keeper {
            tally.broke(&row[0], "does not belong to the keeper");
        }
    }
    let outside = stage
        .list(&format!(
            "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
             WHERE n.nspname NOT IN ('tenantry', 'pg_catalog', 'information_schema') AND p.prosecdef \
             AND p.prosrc ~* '(setval[[:space:]]*\\([[:space:]]*''tenantry\\.|tenantry\\.(enter|hold|signing_key))' \
             AND EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname IN ({}) AND has_function_privilege(r.oid, p.oid, 'EXECUTE')) ORDER BY 1",
            stage.login_list()
        ))
        .await?;
    for function in outside {
        tally.broke(function, "touches the context with other rights");
    }
    Ok(tally.finish("function", "asks for a signature, or is a declared look-up"))
}
