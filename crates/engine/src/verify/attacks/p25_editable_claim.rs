//! P-25: a policy that believes what the client says.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-25",
    title: "A policy believes a claim the client can edit",
    severity: High,
    meaning: "A policy that reads a plain setting, a token's user_metadata or a header lets whoever can write that choose the tenant.",
    method: "Reads the restrictive policies of every protected table: the tenant must come from the context functions of schema tenantry, and from nothing else.",
    remedy: "Use tenantry.tenant_id() and its siblings in the policy: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in &stage.subjects {
        for policy in &table.structure.policies {
            tally.tried();
            let text = format!("{} {}", policy.using.as_deref().unwrap_or(""), policy.check.as_deref().unwrap_or(""));
            if !policy.permissive && (text.contains("current_setting") || text.contains("user_metadata") || text.contains("jwt") || text.contains("CURRENT_USER") || text.contains("SESSION_USER") || text.contains("application_name")) {
                tally.broke(&table.table, format!("policy {} reads what the client can set", policy.name));
            }
        }
    }
    Ok(tally.finish("policy", "the tenant comes from the signed context"))
}
