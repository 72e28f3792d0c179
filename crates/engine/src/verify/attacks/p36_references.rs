//! P-36: a foreign key that answers questions.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-36",
    title: "REFERENCES tells whether a row exists",
    severity: High,
    meaning: "With the REFERENCES privilege an attacker's own table with a foreign key answers for every tenant whether an id exists; checks of foreign keys bypass policies.",
    method: "Reads which protected tables a runtime login has REFERENCES on; where none, tries to create a table that refers to one.",
    remedy: "REVOKE REFERENCES from the runtime group, and CREATE on every schema.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in with_privilege(stage, "REFERENCES").await? {
        tally.broke(table, "a runtime login may refer to it");
    }
    if tally.is_broken() {
        return Ok(tally.finish("table", ""));
    }
    stage.as_a.begin(Some(&stage.a)).await?;
    for table in stage.tables() {
        tally.tried();
        let Some(column) = table.structure.primary_key.as_ref().and_then(|k| k.columns.first()) else { continue };
        let Some(column) = table.structure.column(column.as_str()) else { continue };
        for schema in [table.table.schema.quoted(), "pg_temp".into()] {
            tally.attempt();
            let sql = format!(
                "CREATE TABLE {schema}.verify_oracle (x {} REFERENCES {} ({}))",
                column.data_type,
                table.sql,
                column.name.quoted()
            );
            if matches!(stage.as_a.attempt(&sql, Wire::Simple).await?, Answer::Done { .. }) {
                tally.broke(&table.table, "a runtime login made a table that refers to it");
            }
        }
    }
    stage.as_a.end().await?;
    Ok(tally.finish("table", "no table can be made to refer to it"))
}
