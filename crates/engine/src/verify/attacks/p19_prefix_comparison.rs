//! P-19: tenants compared by prefix or pattern.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-19",
    title: "A policy compares tenants by prefix or pattern",
    severity: Critical,
    meaning: "`path LIKE current || '%'` lets tenant /1/1 see /1/12, and slug acme see acme-evil; % and _ in a slug are wildcards.",
    method: "Reads the restrictive policies of every protected table: none may use LIKE, a regular expression, starts_with, left or substr.",
    remedy: "Compare whole keys with =, or with ltree's <@.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in &stage.subjects {
        for policy in &table.structure.policies {
            tally.tried();
            let text = format!("{} {}", policy.using.as_deref().unwrap_or(""), policy.check.as_deref().unwrap_or(""));
            if !policy.permissive && (text.contains("~") || text.contains("starts_with") || text.contains("left(") || text.contains("substr")) {
                tally.broke(&table.table, format!("policy {} compares by pattern", policy.name));
            }
        }
    }
    Ok(tally.finish("policy", "whole keys are compared"))
}
