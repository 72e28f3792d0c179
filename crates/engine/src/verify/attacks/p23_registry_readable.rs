//! P-23: the list of customers.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-23",
    title: "A tenant reads the list of tenants",
    severity: Medium,
    meaning: "The tenant table itself is a customer list: names, plans, domains, keys.",
    method: "As A, reads the root table: exactly the rows of A may be visible.",
    remedy: "Put the policy on the root table back: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let Some(root) = &stage.blueprint.root.table else {
        return Ok(Outcome::Pass("there is no tenant table: tenancy is a column".into()));
    };
    let Some(table) = stage.subject(root) else {
        return Ok(Outcome::Fail { objects: vec![root.to_string()], evidence: "the tenant table is not protected".into() });
    };
    if own(table, &mut tally).is_some() {
        stage.as_a.begin(Some(&stage.a)).await?;
        tally.tried();
        for wire in WIRES {
            tally.attempt();
            let sql = format!("SELECT 1 FROM {} t WHERE {} LIMIT 1", table.sql, table.foreign_to(&stage.a));
            if stage.as_a.attempt(&sql, wire).await?.rows() > 0 {
                tally.broke(root, "other tenants' entries are visible");
            }
        }
        stage.as_a.end().await?;
    }
    Ok(tally.finish("tenant table", "only tenant A's own entry is visible"))
}
