//! P-11: UPDATE and DELETE without WHERE, which the SELECT policy does not guard.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-11",
    title: "UPDATE and DELETE without WHERE reach other tenants",
    severity: Critical,
    meaning: "With a WHERE, the SELECT policy guards an UPDATE or DELETE too; without one it does not. A policy that binds only reading lets `DELETE FROM t` take everybody's rows, and tests that always use WHERE miss it.",
    method: "Reads which commands the policies bind. Then, as A, in a savepoint that is rolled back, updates and deletes without WHERE and without RETURNING: the number of rows must be A's own. Tables in which A has many rows, or a statement that runs into its time limit, are left to the catalog's answer.",
    remedy: "Make the restrictive policy FOR ALL again: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in &stage.subjects {
        for (command, word) in [('w', "UPDATE"), ('d', "DELETE")] {
            if !table.structure.policies.iter().any(|p| binds(stage, table, p, command)) {
                tally.broke(&table.table, format!("no policy binds {word} to the tenant"));
            }
        }
    }
    for table in stage.writable() {
        let Some(sample) = own(table, &mut tally) else { continue };
        if sample.rows > stage.limits.rows_max {
            tally.left(&table.table, "tenant A has too many rows to write them all");
            continue;
        }
        let Some(column) = table.idle_column() else { continue };
        let name = &table.sql;
        stage.as_a.begin(Some(&stage.a)).await?;
        let own = stage.as_a.attempt(&format!("SELECT 1 FROM {name} t WHERE {}", table.owned_by(&stage.a)), Wire::Simple).await?.rows();
        let mut conclusive = false;
        for (verb, sql) in [("updated", format!("UPDATE {name} SET {column} = {column}")), ("deleted", format!("DELETE FROM {name}"))] {
            for wire in WIRES {
                let answer = stage.as_a.attempt(&sql, wire).await?;
                tally.attempt();
                match answer {
                    Answer::Done { rows, .. } if rows > own => tally.broke(
                        &table.table,
                        format!("{verb} without WHERE touched rows of other tenants"),
                    ),
                    Answer::Done { .. } => conclusive = true,
                    // A reference to one of A's rows stops the DELETE, a trigger may stop either.
                    Answer::Refused { .. } => {}
                }
            }
        }
        stage.as_a.end().await?;
        if conclusive {
            tally.tried();
        } else {
            tally.left(&table.table, "a constraint, a trigger or a missing right stopped tenant A on its own rows");
        }
    }
    Ok(tally.finish("table", "only tenant A's own rows were touched"))
}
