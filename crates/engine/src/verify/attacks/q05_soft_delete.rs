//! out of the trash.

use super::quotas::*;
use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "Q-05",
    title: "What was thrown away comes back uncounted",
    severity: Medium,
    meaning: "Rows that are thrown away softly leave the quota. If bringing them back is not checked, a tenant fills its quota, throws all away, fills it again, and brings everything back.",
    method: "As A, where a resource does not count rows that were thrown away: throws one of its rows away and brings it back. What is counted must fall and rise again.",
    remedy: "The guard of the resource is not the one of `tenantry apply`: put it back as up.sql of the blueprint has it, then count again with tenantry.quota_recalculate.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for c in counted(stage, &mut tally) {
        let (Some(soft), Some(sample)) = (&c.resource.soft, &c.table.a) else { continue };
        stage.as_a.begin(Some(&stage.a)).await?;
        let set = |value: &str| {
            format!("UPDATE {} t SET {} = {value} WHERE {}", c.table.sql, soft.column.quoted(), sample.is_it)
        };
        let there = stage.as_a.say(&set(&soft.back), Wire::Simple).await?;
        let before = c.used(&stage.as_a).await?;
        let away = stage.as_a.say(&set(&soft.away), Wire::Simple).await?;
        if there.rows() == 0 || away.rows() == 0 {
            tally.left(c.name(), format!("tenant A cannot throw its row away: {}", away.code()));
        } else {
            tally.tried();
            let less = c.used(&stage.as_a).await?;
            let back = stage.as_a.say(&set(&soft.back), Wire::Simple).await?;
            if back.rows() > 0 && less < before && c.used(&stage.as_a).await? != before {
                tally.broke(c.name(), "a row that was thrown away is back and not counted");
            }
        }
        stage.as_a.end().await?;
    }
    Ok(tally.finish_static("resource with rows that are thrown away", "what comes back is counted again"))
}
