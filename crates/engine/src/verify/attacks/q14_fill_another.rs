//! another's quota.

use super::quotas::*;
use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "Q-14",
    title: "Tenant A fills the quota of tenant B",
    severity: Medium,
    meaning: "Whoever can make rows that belong to another tenant uses up that tenant's quota, until it can do nothing more.",
    method: "As A, makes a row in every counted table that belongs to B, in every form; then looks, as B, at what is counted for B. The row must be refused, and nothing be counted.",
    remedy: "Give the tenant policy of the table its WITH CHECK back (`tenantry check` names it).",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for c in counted(stage, &mut tally) {
        let Some(to_b) = c.table.bound_to_b(&stage.b) else { continue };
        let look = format!("SELECT used FROM tenantry.quota_mine() WHERE resource = {}", literal(c.name()));
        stage.as_a.begin(Some(&stage.a)).await?;
        stage.as_b.begin(Some(&stage.b)).await?;
        let before = c.used(&stage.as_b).await?.to_string();
        let control = c.one_more(Shape::Select).unwrap_or_default();
        if stage.as_a.attempt(&control, Wire::Simple).await?.rows() == 0 {
            tally.left(c.name(), "tenant A cannot insert a copy of its own row");
        } else {
            tally.tried();
            for shape in SHAPES {
                let mut set = to_b.clone();
                set.extend(c.resource.soft.as_ref().map(|s| (s.column.clone(), s.back.clone())));
                let Some(insert) = c.table.copy_row(&set, shape) else { continue };
                tally.attempt();
                let (_, seen) = stage.as_a.attempt_then(&insert, Wire::Simple, &stage.b, &look).await?;
                if let Some(Answer::Done { first: Some(after), .. }) = seen
                    && after != before
                {
                    tally.broke(c.name(), "a row that tenant A made is counted for tenant B");
                }
            }
        }
        stage.as_b.end().await?;
        stage.as_a.end().await?;
    }
    Ok(tally.finish_static("counted resource", "no row of tenant A is counted for tenant B"))
}
