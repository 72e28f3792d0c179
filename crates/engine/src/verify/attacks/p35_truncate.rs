//! P-35: TRUNCATE knows no policy.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-35",
    title: "TRUNCATE empties all tenants",
    severity: Critical,
    meaning: "TRUNCATE is not subject to row-level security: one statement of one tenant empties the table for all.",
    method: "Reads which protected tables and partitions a runtime login has TRUNCATE on; where none, tries it in a transaction that is rolled back. The server checks the right before it locks the table.",
    remedy: "REVOKE TRUNCATE from the runtime group.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in with_privilege(stage, "TRUNCATE").await? {
        tally.broke(table, "a runtime login may truncate it");
    }
    if tally.is_broken() {
        // The right is there, so that trying it could only do harm.
        return Ok(tally.finish("table", ""));
    }
    stage.as_a.begin(Some(&stage.a)).await?;
    for table in stage.tables() {
        tally.tried();
        let name = &table.sql;
        for sql in [format!("TRUNCATE {name}"), format!("TRUNCATE ONLY {name} CASCADE")] {
            for wire in WIRES {
                tally.attempt();
                if matches!(stage.as_a.attempt(&sql, wire).await?, Answer::Done { .. }) {
                    tally.broke(&table.table, "a runtime login may truncate it");
                }
            }
        }
    }
    stage.as_a.end().await?;
    Ok(tally.finish("table", "permission denied to truncate"))
}
