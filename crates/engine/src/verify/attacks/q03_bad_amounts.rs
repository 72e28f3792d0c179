//! amounts that are none.

use super::quotas::*;
use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "Q-03",
    title: "A negative or huge amount makes room",
    severity: High,
    meaning: "Where the amount comes from a row or a caller, a value below zero gives quota back, and one that overflows a sum counts as little.",
    method: "As A, in every summed resource, makes a row with an amount below zero and one with the greatest of its type: what is counted must not fall, and must rise by exactly the amount or the row be refused. Then asks tenantry.use_reservation for ids that do not exist.",
    remedy: "The guard of the resource is not the one of `tenantry apply`: put it back as up.sql of the blueprint has it, then count again with tenantry.quota_recalculate.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for c in counted(stage, &mut tally) {
        let Some(column) = &c.resource.column else { continue };
        let Some(kind) = c.table.structure.column(column.as_str()) else { continue };
        let greatest = match kind.data_type.as_str() {
            "smallint" => i64::from(i16::MAX),
            "integer" => i64::from(i32::MAX),
            _ => i64::MAX,
        };
        stage.as_a.begin(Some(&stage.a)).await?;
        let before = c.used(&stage.as_a).await?;
        for amount in [-1_000, -greatest, greatest] {
            let mut set = vec![(column.clone(), literal(&amount.to_string()))];
            set.extend(c.resource.soft.as_ref().map(|s| (s.column.clone(), s.back.clone())));
            let Some(insert) = c.table.copy_row(&set, Shape::Select) else { continue };
            tally.attempt();
            stage.as_a.client().batch_execute("SAVEPOINT one").await?;
            let answer = stage.as_a.say(&insert, Wire::Simple).await?;
            if answer.rows() > 0 {
                let after = c.used(&stage.as_a).await?;
                if after < before || amount > 0 && after != before.saturating_add(amount) {
                    tally.broke(c.name(), "an amount that is none gives room, or counts as another");
                }
            }
            stage.as_a.client().batch_execute("ROLLBACK TO SAVEPOINT one").await?;
        }
        for id in ["NULL", "pg_catalog.gen_random_uuid()"] {
            let sql = format!("SELECT CASE WHEN tenantry.use_reservation({id}) THEN 1 ELSE 0 END::pg_catalog.int8");
            let used = stage.as_a.number(&sql).await?;
            if used != 0 || c.used(&stage.as_a).await? < before {
                tally.broke(c.name(), "a reservation that nobody made gives room");
            }
        }
        tally.tried();
        stage.as_a.end().await?;
    }
    Ok(tally.finish_static("summed resource", "no amount gives room, and the greatest counts as what it is"))
}
