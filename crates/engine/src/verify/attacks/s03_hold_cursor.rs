//! S-03: a cursor that outlives its transaction.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "S-03",
    title: "A WITH HOLD cursor survives on the connection",
    severity: High,
    meaning: "A cursor WITH HOLD keeps A's rows beyond its transaction, for whoever fetches from it.",
    method: "On one connection, as A, declares a cursor WITH HOLD over a protected table and commits (the transaction has changed nothing); as B, fetches; then again after DISCARD ALL.",
    remedy: "Send CLOSE ALL or DISCARD ALL between tenants.",
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
    for sql in [format!("DECLARE verify_cursor CURSOR WITH HOLD FOR SELECT 1 FROM {} t LIMIT 1", table.sql), "COMMIT".to_owned()] {
        session.say(&sql, Wire::Simple).await?;
    }
    session.end().await?;
    // Tenant B gets the same connection: once as it is, once after what a pooler is to send.
    session.begin(Some(&stage.b)).await?;
    let kept = session.say("SELECT 1 FROM pg_catalog.pg_cursors WHERE name = 'verify_cursor'", Wire::Simple).await?;
    session.end().await?;
    session.say("DISCARD ALL", Wire::Simple).await?;
    let after = session.say("SELECT 1 FROM pg_catalog.pg_cursors WHERE name = 'verify_cursor'", Wire::Simple).await?;
    session.close().await;
    Ok(match (kept.rows(), after.rows()) {
        (_, 1..) => Outcome::Fail { objects: vec!["connection".into()], evidence: "a WITH HOLD cursor survives DISCARD ALL".into() },
        (0, _) => Outcome::Pass("a WITH HOLD cursor does not survive the transaction".into()),
        _ => Outcome::Residual("a WITH HOLD cursor stays on the connection until DISCARD ALL: a pooler must send it between tenants".into()),
    })
}
