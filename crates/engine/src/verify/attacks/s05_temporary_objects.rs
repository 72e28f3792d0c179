//! S-05: temporary objects left behind.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "S-05",
    title: "Temporary objects survive on the connection",
    severity: High,
    meaning: "Temporary tables, views and functions of one user are still there for the next, with rows, and in front of the real ones.",
    method: "On one connection, as A, tries to create a temporary table and commits; as B, looks for it; then again after DISCARD ALL.",
    remedy: "REVOKE TEMPORARY ON DATABASE … FROM PUBLIC and the runtime group.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let session = stage.fresh(0).await?;
    let Some(table) = stage.tables().find(|t| t.a.is_some()) else {
        session.close().await;
        return Ok(Outcome::Skipped("no protected table with a row of tenant A".into()));
    };
    let _ = &table.sql;
    session.begin(Some(&stage.a)).await?;
    for sql in ["CREATE TEMP TABLE verify_temp AS SELECT 1 AS x".to_owned(), "COMMIT".to_owned()] {
        session.say(&sql, Wire::Simple).await?;
    }
    session.end().await?;
    // Tenant B gets the same connection: once as it is, once after what a pooler is to send.
    session.begin(Some(&stage.b)).await?;
    let kept = session.say("SELECT 1 FROM pg_catalog.pg_class WHERE relname = 'verify_temp' AND relpersistence = 't'", Wire::Simple).await?;
    session.end().await?;
    session.say("DISCARD ALL", Wire::Simple).await?;
    let after = session.say("SELECT 1 FROM pg_catalog.pg_class WHERE relname = 'verify_temp' AND relpersistence = 't'", Wire::Simple).await?;
    session.close().await;
    Ok(match (kept.rows(), after.rows()) {
        (0, 0) => Outcome::Pass("a temporary table cannot be made".into()),
        (_, 0) => Outcome::Fail {
            objects: vec!["database".into()],
            evidence: "a temporary table of tenant A is there for tenant B until DISCARD ALL".into(),
        },
        _ => Outcome::Fail { objects: vec!["connection".into()], evidence: "a temporary table survives DISCARD ALL".into() },
    })
}
