//! P-94: asking for no policies.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-94",
    title: "row_security = off shows other tenants' rows",
    severity: Medium,
    meaning: "SET row_security = off does not lift policies, it turns their effect into an error; a session left so is an outage for the next user of the connection.",
    method: "As A, sets row_security to off and reads every protected table: each must raise 42501 and give no row. The control is the same read before.",
    remedy: "Reset it between users of a connection (RESET ALL); nothing to do in the database if this passes.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in stage.tables() {
        let Some(sample) = own(table, &mut tally) else { continue };
        stage.as_a.begin(Some(&stage.a)).await?;
        let control = stage.as_a.attempt(&format!("SELECT 1 FROM {} t WHERE {}", table.sql, sample.is_it), Wire::Simple).await?;
        if control.rows() == 0 {
            tally.left(&table.table, "tenant A cannot read its own row");
        } else {
            tally.tried();
            stage.as_a.say("SET LOCAL row_security = off", Wire::Simple).await?;
            tally.attempt();
            let answer = stage.as_a.attempt(&format!("SELECT 1 FROM {} t LIMIT 1", table.sql), Wire::Simple).await?;
            if answer.rows() > 0 {
                tally.broke(&table.table, "rows are visible with row_security = off");
            }
        }
        stage.as_a.end().await?;
    }
    Ok(tally.finish("table", "an error, not its rows"))
}
