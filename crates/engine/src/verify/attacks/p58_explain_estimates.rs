//! P-58: what the planner expects.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-58",
    title: "EXPLAIN's row estimates speak of all tenants",
    severity: Medium,
    meaning: "Estimates come from statistics over all tenants: EXPLAIN of a frequent value of B and of a value nobody has differ.",
    method: "Nothing is attacked: as A, EXPLAIN of a protected table is asked for, to see whether the channel is there.",
    remedy: "Refuse EXPLAIN to tenants in the proxy where aggregates about others matter.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let Some(table) = stage.tables().find(|t| t.a.is_some()) else {
        return Ok(Outcome::Skipped("no protected table with a row of tenant A".into()));
    };
    stage.as_a.begin(Some(&stage.a)).await?;
    let answer = stage.as_a.attempt(&format!("EXPLAIN SELECT 1 FROM {} t", table.sql), Wire::Simple).await?;
    stage.as_a.end().await?;
    Ok(match answer {
        Answer::Done { .. } => Outcome::Residual("EXPLAIN is allowed, and its estimates come from statistics over all tenants; values are not shown".into()),
        Answer::Refused { .. } => Outcome::Pass("EXPLAIN is refused".into()),
    })
}
