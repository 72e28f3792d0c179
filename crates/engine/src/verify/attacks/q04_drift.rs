//! counters beside the rows.

use super::quotas::*;
use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "Q-04",
    title: "What is counted is not what is there",
    severity: Medium,
    meaning: "A counter that is kept beside the rows drifts: a transaction that fails after counting, a crash in between, a delete that nobody counted. Sooner or later tenants are refused what they have, or get more.",
    method: "As A, compares in one statement what is counted with the rows that are there. Then makes a row and takes it back, once by a savepoint and once by DELETE: both numbers must be as before.",
    remedy: "Count again: SELECT * FROM tenantry.quota_recalculate(tenant). Then look for what changed the counters or the guards (`tenantry check`).",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for c in counted(stage, &mut tally) {
        if !c.can_be_counted(stage) {
            tally.left(c.name(), "its rows cannot be counted again, or there are too many of them");
            continue;
        }
        stage.as_a.begin(Some(&stage.a)).await?;
        tally.tried();
        let (used, there) = c.books(stage, &stage.as_a).await?;
        if used != there {
            tally.broke(c.name(), "more or less is counted for tenant A than is there");
        }
        if let Some(insert) = c.one_more(Shape::Select) {
            stage.as_a.client().batch_execute("SAVEPOINT one").await?;
            stage.as_a.say(&insert, Wire::Simple).await?;
            stage.as_a.client().batch_execute("ROLLBACK TO SAVEPOINT one").await?;
            if c.books(stage, &stage.as_a).await? != (used, there) {
                tally.broke(c.name(), "what was rolled back is still counted");
            }
            let taken = stage.as_a.say(&insert, Wire::Simple).await?;
            if taken.rows() > 0 {
                let remove = format!(
                    "DELETE FROM {} t WHERE {} AND pg_catalog.age(t.xmin) <= 0",
                    c.table.sql,
                    c.table.owned_by(&stage.a)
                );
                let gone = stage.as_a.say(&remove, Wire::Simple).await?;
                if gone.rows() == taken.rows() && c.books(stage, &stage.as_a).await? != (used, there) {
                    tally.broke(c.name(), "what was deleted is still counted, or was given back twice");
                }
            }
        }
        stage.as_a.end().await?;
    }
    Ok(tally.finish_static("counted resource", "what is counted is what is there, after a rollback and a DELETE too"))
}
