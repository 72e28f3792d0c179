//! P-76: a temporary table in front of the real one.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-76",
    title: "A temporary table shadows a real one",
    severity: High,
    meaning: "pg_temp is searched first: a temporary table named like an application's captures the INSERTs of whoever gets the connection next, and feeds it rows.",
    method: "As A, tries to create a temporary table and a temporary view named like each protected table.",
    remedy: "REVOKE TEMPORARY ON DATABASE … FROM PUBLIC and the runtime group.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    stage.as_a.begin(Some(&stage.a)).await?;
    for table in stage.tables() {
        tally.tried();
        let name = table.table.name.quoted();
        for sql in [
            format!("CREATE TEMP TABLE {name} (x pg_catalog.int4)"),
            format!("CREATE TEMP VIEW {name} AS SELECT 1 AS x"),
            format!("CREATE TEMP SEQUENCE {name}"),
        ] {
            for wire in WIRES {
                tally.attempt();
                if matches!(stage.as_a.attempt(&sql, wire).await?, Answer::Done { .. }) {
                    tally.broke(&table.table, "a temporary object can stand in front of it");
                }
            }
        }
    }
    stage.as_a.end().await?;
    Ok(tally.finish("table", "no temporary object can stand in front of it"))
}
