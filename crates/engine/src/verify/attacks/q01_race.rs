//! the check before the insert.

use super::quotas::*;
use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "Q-01",
    title: "Two requests at once get past the limit",
    severity: High,
    meaning: "A limit that is checked by counting before the row is made holds against one request at a time only: of many that come at once, each counts the same rows and finds room.",
    method: "As A, in a transaction that is rolled back, makes rows until the limit refuses one; then, on a second connection, tries one more while the first transaction is open. It must wait or be refused. Tried where A has a limit that a few hundred rows reach.",
    remedy: "The guard of the resource is not the one of `tenantry apply`: put it back as up.sql of the blueprint has it, then count again with tenantry.quota_recalculate.",
    run: |stage| Box::pin(run(stage)),
};

/// Most rows made to reach a limit.
const ROWS_MAX: u32 = 200;

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for c in counted(stage, &mut tally) {
        let Some(insert) = c.one_more(Shape::Select) else { continue };
        stage.as_a.begin(Some(&stage.a)).await?;
        if c.remaining(&stage.as_a).await? < 0 {
            tally.left(c.name(), "tenant A has no limit");
            stage.as_a.end().await?;
            continue;
        }
        let full = fill(stage, &insert).await?;
        match full.as_deref() {
            Some("53400") => {
                tally.tried();
                let other = stage.fresh(1).await?;
                other.begin(Some(&stage.a)).await?;
                // a wait is an answer here, so it is not asked through `say`
                if other.client().simple_query(&insert).await.is_ok() {
                    tally.broke(c.name(), "two transactions together got more than the limit");
                }
                other.end().await?;
                other.close().await;
            }
            Some(code) => tally.left(c.name(), format!("tenant A cannot insert a copy of its own row: {code}")),
            None => tally.left(c.name(), format!("its limit is more than {ROWS_MAX} rows away")),
        }
        stage.as_a.end().await?;
    }
    Ok(tally.finish_static("counted resource", "with all of it taken, a second transaction waits or is refused"))
}

/// Makes rows until one is refused: with what.
async fn fill(stage: &Stage, insert: &str) -> Result<Option<String>, Stop> {
    for _ in 0..ROWS_MAX {
        stage.as_a.client().batch_execute("SAVEPOINT one").await?;
        let answer = stage.as_a.say(insert, Wire::Simple).await?;
        if matches!(answer, Answer::Refused { .. }) {
            stage.as_a.client().batch_execute("ROLLBACK TO SAVEPOINT one").await?;
            return Ok(Some(answer.code().to_owned()));
        }
    }
    Ok(None)
}
