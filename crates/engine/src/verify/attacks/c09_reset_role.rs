//! C-09: back to the login.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "C-09",
    title: "RESET ROLE gives more rights",
    severity: Critical,
    meaning: "Where the tenant is a role that a powerful login became, RESET ROLE, SET ROLE NONE, SET SESSION AUTHORIZATION DEFAULT or DISCARD ALL give the login's rights back.",
    method: "As A, sends each of them in a savepoint, and DISCARD ALL outside a transaction, and then reads B's rows and rows without a tenant.",
    remedy: "Connect as a login that has no rights beyond the runtime group.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let changes: Vec<String> = ["RESET ROLE", "SET ROLE NONE", "SET LOCAL ROLE NONE", "SET SESSION AUTHORIZATION DEFAULT", "RESET SESSION AUTHORIZATION", "RESET ALL"]
        .map(str::to_owned).to_vec();
    for table in stage.tables() {
        let Some((a, _)) = both(table, &mut tally) else { continue };
        let own = format!("SELECT 1 FROM {} t WHERE {} LIMIT 1", table.sql, a.is_it);
        let foreign = format!("SELECT 1 FROM {} t WHERE {} LIMIT 1", table.sql, table.foreign_to(&stage.a));
        stage.as_a.begin(Some(&stage.a)).await?;
        if stage.as_a.attempt(&own, Wire::Simple).await?.rows() == 0 {
            tally.left(&table.table, "tenant A cannot read its own row");
            stage.as_a.end().await?;
            continue;
        }
        tally.tried();
        for change in &changes {
            stage.as_a.client().batch_execute("SAVEPOINT change").await?;
            tally.attempt();
            let answer = stage.as_a.say(change, Wire::Simple).await?;
            if matches!(answer, Answer::Refused { .. }) {
                stage.as_a.client().batch_execute("ROLLBACK TO SAVEPOINT change").await?;
            }
            if stage.as_a.attempt(&foreign, Wire::Simple).await?.rows() > 0 {
                tally.broke(&table.table, "tenant B's rows are visible after a change of role");
            }
            stage.as_a.client().batch_execute("ROLLBACK TO SAVEPOINT change").await?;
        }
        stage.as_a.end().await?;
        tally.attempt();
        let session = stage.fresh(0).await?;
        session.say("DISCARD ALL", Wire::Simple).await?;
        if session.say(&format!("SELECT 1 FROM {} t LIMIT 1", table.sql), Wire::Simple).await?.rows() > 0 {
            tally.broke(&table.table, "rows are visible after DISCARD ALL");
        }
        session.close().await;
        stage.as_a.end().await?;
    }
    Ok(tally.finish("table", "tenant B's rows stay out of sight"))
}
