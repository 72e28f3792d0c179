//! S-04: a statement left prepared.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "S-04",
    title: "A prepared statement survives on the connection",
    severity: High,
    meaning: "A statement prepared by SQL stays with its text and literals, for the next user to read and run. It runs under the next tenant.",
    method: "On one connection, as A, prepares a statement with a mark in it; as B, looks for it; then again after DISCARD ALL.",
    remedy: "Send DEALLOCATE ALL or DISCARD ALL between tenants.",
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
    for sql in ["PREPARE verify_statement AS SELECT 'verify_mark'".to_owned(), "COMMIT".to_owned()] {
        session.say(&sql, Wire::Simple).await?;
    }
    session.end().await?;
    // Tenant B gets the same connection: once as it is, once after what a pooler is to send.
    session.begin(Some(&stage.b)).await?;
    let kept = session.say("SELECT 1 FROM pg_catalog.pg_prepared_statements WHERE from_sql AND statement LIKE '%verify_mark%'", Wire::Simple).await?;
    session.end().await?;
    session.say("DISCARD ALL", Wire::Simple).await?;
    let after = session.say("SELECT 1 FROM pg_catalog.pg_prepared_statements WHERE from_sql AND statement LIKE '%verify_mark%'", Wire::Simple).await?;
    session.close().await;
    Ok(match (kept.rows(), after.rows()) {
        (_, 1..) => Outcome::Fail { objects: vec!["connection".into()], evidence: "a prepared statement survives DISCARD ALL".into() },
        (0, _) => Outcome::Pass("a prepared statement does not survive the transaction".into()),
        _ => Outcome::Residual("a prepared statement stays on the connection until DISCARD ALL: a pooler must send it between tenants".into()),
    })
}
