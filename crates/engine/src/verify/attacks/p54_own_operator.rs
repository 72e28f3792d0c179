//! P-54: an operator of the attacker's own.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-54",
    title: "A tenant makes its own functions and operators",
    severity: Critical,
    meaning: "CVE-2026-116327 and its kin need a function or an operator of the attacker's own, put in front by the search_path, which the server then runs before the policy.",
    method: "As A, tries to create a function, an operator, a type and a cast in every schema and in pg_temp.",
    remedy: "REVOKE CREATE on every schema and TEMPORARY on the database from PUBLIC and the runtime group; install the newest minor release.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let mut schemas: Vec<String> = stage.catalog.schemas.iter().map(|s| s.name.quoted()).collect();
    schemas.push("pg_temp".into());
    schemas.push("tenantry".into());
    stage.as_a.begin(Some(&stage.a)).await?;
    for schema in schemas {
        tally.tried();
        for sql in [
            format!("CREATE FUNCTION {schema}.verify_leak(text) RETURNS boolean LANGUAGE sql COST 0.0000001 AS 'SELECT true'"),
            format!("CREATE OPERATOR {schema}.= (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_catalog.texteq)"),
            format!("CREATE DOMAIN {schema}.verify_type AS text"),
            format!("CREATE VIEW {schema}.verify_view AS SELECT 1 AS x"),
        ] {
            tally.attempt();
            if matches!(stage.as_a.attempt(&sql, Wire::Simple).await?, Answer::Done { .. }) {
                tally.broke(format!("schema {}", schema.trim_matches('"')), "the runtime can create objects in it");
            }
        }
    }
    stage.as_a.end().await?;
    Ok(tally.finish("schema", "permission denied to create anything in it"))
}
