//! P-34: a trigger that spies on the others.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-34",
    title: "A tenant puts a trigger on a shared table",
    severity: Critical,
    meaning: "The TRIGGER privilege (part of GRANT ALL) lets one tenant install a trigger that runs inside every other tenant's writes and copies them.",
    method: "Reads which protected tables and partitions a runtime login has TRIGGER on; where none, tries to create one.",
    remedy: "REVOKE TRIGGER from the runtime group: it needs SELECT, INSERT, UPDATE, DELETE and nothing else.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in with_privilege(stage, "TRIGGER").await? {
        tally.broke(table, "a runtime login may put triggers on it");
    }
    if tally.is_broken() {
        // The right is there, so that trying it could only do harm.
        return Ok(tally.finish("table", ""));
    }
    stage.as_a.begin(Some(&stage.a)).await?;
    for table in stage.tables() {
        tally.tried();
        let name = &table.sql;
        for sql in [format!("CREATE TRIGGER verify_spy BEFORE UPDATE ON {name} FOR EACH ROW EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()")] {
            for wire in WIRES {
                tally.attempt();
                if matches!(stage.as_a.attempt(&sql, wire).await?, Answer::Done { .. }) {
                    tally.broke(&table.table, "a runtime login may put triggers on it");
                }
            }
        }
    }
    stage.as_a.end().await?;
    Ok(tally.finish("table", "permission denied to create a trigger"))
}
