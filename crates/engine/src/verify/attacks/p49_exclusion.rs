//! P-49: an exclusion constraint over all tenants.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-49",
    title: "An exclusion constraint spans tenants",
    severity: Medium,
    meaning: "An exclusion constraint (bookings, ranges) without the tenant shows where another tenant has something, and blocks it.",
    method: "Reads the exclusion constraints of protected tables: each must hold the tenant column WITH =.",
    remedy: "Make it EXCLUDE USING gist (tenant WITH =, …); the extension btree_gist provides the operator.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in &stage.subjects {
        for constraint in &table.structure.exclusions {
            tally.tried();
            let held = table.tenant_column().is_some_and(|c| constraint.columns.contains(c));
            if !held {
                tally.broke(format!("{} / {}", table.table, constraint.name), "does not hold the tenant");
            }
        }
    }
    Ok(tally.finish_static("exclusion constraint", "it holds the tenant"))
}
