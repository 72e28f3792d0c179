//! P-82: MERGE and its several policies.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-82",
    title: "MERGE reaches another tenant's row",
    severity: High,
    meaning: "MERGE applies policies of several commands at once; old servers applied the wrong ones (CVE-2023-39418).",
    method: "As A, merges its own row (control), then B's by key and by everything that is not A's: with UPDATE, DELETE and DO NOTHING, in both protocols. No row of B may be touched.",
    remedy: "Make the restrictive policy FOR ALL; install the newest minor release.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in stage.writable() {
        let Some((a, b)) = both(table, &mut tally) else { continue };
        let Some(column) = table.idle_column() else { continue };
        let name = &table.sql;
        let merge = |on: &str, then: &str| format!("MERGE INTO {name} t USING (SELECT 1) x ON {on} WHEN MATCHED THEN {then}");
        let update = format!("UPDATE SET {column} = t.{column}");
        stage.as_a.begin(Some(&stage.a)).await?;
        let control = stage.as_a.attempt(&merge(&a.is_it, &update), Wire::Simple).await?;
        if control.rows() == 0 {
            tally.left(&table.table, format!("tenant A cannot merge its own row: {}", control.code()));
        } else {
            tally.tried();
            for (on, then) in [
                (b.is_it.clone(), update.as_str()),
                (b.is_it.clone(), "DELETE"),
                (table.foreign_to(&stage.a), update.as_str()),
                (table.foreign_to(&stage.a), "DELETE"),
            ] {
                for wire in WIRES {
                    tally.attempt();
                    let answer = stage.as_a.attempt(&merge(&on, then), wire).await?;
                    if answer.rows() > 0 || answer.is_constraint() {
                        tally.broke(&table.table, "tenant B's row was touched");
                    }
                }
            }
        }
        stage.as_a.end().await?;
    }
    Ok(tally.finish("table", "MERGE touches tenant A's rows only"))
}
