//! P-06: policies that do nothing because row-level security is off.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-06",
    title: "Policies were written but row-level security is off",
    severity: High,
    meaning: "A policy on a table without ENABLE ROW LEVEL SECURITY has no effect, and looks in every review as if it had.",
    method: "Reads from the catalog every table that has a policy and no row-level security.",
    remedy: "ALTER TABLE … ENABLE ROW LEVEL SECURITY, or drop the policy.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in stage.catalog.tables.iter().filter(|t| !t.policies.is_empty()) {
        tally.tried();
        if !table.rls_enabled {
            tally.broke(&table.name, "has policies, but row-level security is off");
        }
    }
    Ok(tally.finish_static("table with a policy", "row-level security is on"))
}
