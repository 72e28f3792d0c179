//! P-20: several tenants in one text.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-20",
    title: "A policy splits a text into tenants",
    severity: High,
    meaning: "A list of tenants in one setting that is split at a delimiter gives two tenants to one whose key holds the delimiter.",
    method: "Reads the restrictive policies of every protected table: none may split a text.",
    remedy: "Carry one key, signed: `tenantry.enter`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in &stage.subjects {
        for policy in &table.structure.policies {
            tally.tried();
            let text = format!("{} {}", policy.using.as_deref().unwrap_or(""), policy.check.as_deref().unwrap_or(""));
            if !policy.permissive && (text.contains("string_to_array") || text.contains("regexp_split") || text.contains("string_to_table") || text.contains("split_part")) {
                tally.broke(&table.table, format!("policy {} splits a text", policy.name));
            }
        }
    }
    Ok(tally.finish("policy", "none splits a text"))
}
