//! S-12: a reset that did not happen.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "S-12",
    title: "A failed reset hands over a live context",
    severity: Medium,
    meaning: "If the reset fails (inside a transaction, or against a time limit) and the connection is handed over all the same, the next user inherits it.",
    method: "On one connection, enters A, lets DISCARD ALL fail inside the transaction, and enters B without an end: B must not be able to enter a failed transaction, and after the rollback must see its own rows only. Then holds A and lets a hold of B be refused: A must be gone.",
    remedy: "The pooler must close a connection whose reset failed; put the policies back: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let session = stage.fresh(0).await?;
    for table in stage.tables() {
        if both(table, &mut tally).is_none() {
            continue;
        }
        tally.tried();
        session.begin(Some(&stage.a)).await?;
        let reset = session.say("DISCARD ALL", Wire::Simple).await?;
        let entered = session.say(&session.enter_sql(&stage.b), Wire::Simple).await?;
        tally.attempt();
        let sql = format!("SELECT 1 FROM {} t WHERE {} LIMIT 1", table.sql, table.foreign_to(&stage.b));
        let seen = session.say(&sql, Wire::Simple).await?;
        session.end().await?;
        if seen.rows() > 0 {
            tally.broke(&table.table, "tenant A's rows are visible to tenant B after a failed reset");
        } else if matches!(reset, Answer::Done { .. }) || matches!(entered, Answer::Done { .. }) {
            tally.left(&table.table, "DISCARD ALL did not fail inside the transaction");
        }
        tally.attempt();
        if session.say(&format!("SELECT 1 FROM {} t LIMIT 1", table.sql), Wire::Simple).await?.rows() > 0 {
            tally.broke(&table.table, "rows are visible after a failed reset");
        }
        if matches!(session.say(&session.hold_sql(&stage.a), Wire::Simple).await?, Answer::Done { .. }) {
            tally.attempt();
            session.say("SELECT tenantry.hold('h1.verify'::pg_catalog.text)", Wire::Simple).await?;
            if session.say(&format!("SELECT 1 FROM {} t LIMIT 1", table.sql), Wire::Simple).await?.rows() > 0 {
                tally.broke(&table.table, "tenant A's rows are visible after tenant B's hold was refused");
            }
        }
    }
    session.close().await;
    Ok(tally.finish("table", "a failed reset leaves no tenant"))
}
