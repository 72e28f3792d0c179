//! P-30: copies of everybody's rows.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-30",
    title: "A materialized view holds all tenants",
    severity: Critical,
    meaning: "A materialized view is a copy of everybody's rows, and cannot have row-level security.",
    method: "Lists the materialized views over protected tables that the runtime can read, and reads each without a tenant.",
    remedy: "REVOKE SELECT from the runtime group; give each tenant its part through a security_invoker view with the tenant in its condition, or compute it per tenant.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for view in stage.catalog.views.iter().filter(|v| v.materialized) {
        tally.tried();
        tally.note(format!("{} looked at", view.name));
    }
    for view in readable_views(stage, 'm').await? {
        tally.broke(&view.name, "the runtime can read it");
    }
    Ok(tally.finish_static("materialized view", "out of the runtime's reach"))
}
