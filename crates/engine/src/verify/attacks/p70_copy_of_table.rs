//! P-70: a copy that nobody protects.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-70",
    title: "A tenant makes an unprotected copy of a table",
    severity: Critical,
    meaning: "CREATE TABLE … AS, SELECT INTO and LIKE copy rows or structure without the policies.",
    method: "As A, tries to create a table in every schema, in pg_temp and in a schema of its own, by CREATE TABLE AS, SELECT INTO and LIKE INCLUDING ALL. The policies of A's own rows are no control here: the right to create is what is asked for.",
    remedy: "REVOKE CREATE on every schema and TEMPORARY and CREATE on the database from PUBLIC and the runtime group.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let Some(table) = stage.tables().find(|t| t.a.is_some()) else {
        return Ok(Outcome::Skipped("no protected table with a row of tenant A".into()));
    };
    let mut schemas: Vec<String> = stage.catalog.schemas.iter().map(|s| s.name.quoted()).collect();
    schemas.push("pg_temp".into());
    stage.as_a.begin(Some(&stage.a)).await?;
    for schema in &schemas {
        tally.tried();
        for sql in [
            format!("CREATE TABLE {schema}.verify_copy AS SELECT * FROM {} t LIMIT 1", table.sql),
            format!("SELECT * INTO {schema}.verify_copy FROM {} t LIMIT 1", table.sql),
            format!("CREATE TABLE {schema}.verify_copy (LIKE {} INCLUDING ALL)", table.sql),
            format!("CREATE MATERIALIZED VIEW {schema}.verify_copy AS SELECT 1 AS x"),
        ] {
            for wire in WIRES {
                tally.attempt();
                if matches!(stage.as_a.attempt(&sql, wire).await?, Answer::Done { .. }) {
                    tally.broke(format!("schema {}", schema.trim_matches('"')), "the runtime can make tables in it");
                }
            }
        }
    }
    tally.attempt();
    if matches!(stage.as_a.attempt("CREATE SCHEMA verify_schema", Wire::Simple).await?, Answer::Done { .. }) {
        tally.broke("database", "the runtime can make schemas");
    }
    stage.as_a.end().await?;
    Ok(tally.finish("schema", "no table can be made in it"))
}
