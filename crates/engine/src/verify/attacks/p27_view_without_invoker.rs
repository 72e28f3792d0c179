//! P-27: views that run with their owner's rights.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-27",
    title: "A view shows other tenants' rows",
    severity: Critical,
    meaning: "A view runs with its owner's rights unless it is a security_invoker: it then shows what the owner may see, which can be every tenant.",
    method: "Lists the views the runtime can read that reach a protected table and are not security_invoker. Then reads every readable view without a tenant: one that gives rows all the same goes around the policies.",
    remedy: "ALTER VIEW … SET (security_invoker = true), or revoke SELECT from the runtime group.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let nobody = stage.fresh(0).await?;
    for view in readable_views(stage, 'v').await? {
        tally.tried();
        tally.attempt();
        if !view.invoker && view.owner_unbound {
            tally.broke(&view.name, "runs with the rights of an owner whom policies do not bind");
        }
        if nobody.say(&format!("SELECT 1 FROM {} LIMIT 1", view.sql), Wire::Simple).await?.rows() > 0 {
            tally.broke(&view.name, "gives rows without a tenant");
        }
    }
    nobody.close().await;
    Ok(tally.finish_static("view over protected tables", "runs with the reader's rights"))
}
