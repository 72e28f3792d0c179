//! S-07: a lock left closed.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "S-07",
    title: "A session's advisory lock survives on the connection",
    severity: Medium,
    meaning: "An advisory lock taken for the session stays when the tenant goes, and keeps others out.",
    method: "On one connection, as A, takes a lock of this run's own; as B, looks for it; then again after DISCARD ALL.",
    remedy: "Send pg_advisory_unlock_all() or DISCARD ALL between tenants; use pg_advisory_xact_lock.",
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
    for sql in ["SELECT pg_catalog.pg_advisory_lock(1952804705, 1853125241)".to_owned(), "COMMIT".to_owned()] {
        session.say(&sql, Wire::Simple).await?;
    }
    session.end().await?;
    // Tenant B gets the same connection: once as it is, once after what a pooler is to send.
    session.begin(Some(&stage.b)).await?;
    let kept = session.say("SELECT 1 FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid() AND classid = 1952804705", Wire::Simple).await?;
    session.end().await?;
    session.say("DISCARD ALL", Wire::Simple).await?;
    let after = session.say("SELECT 1 FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid() AND classid = 1952804705", Wire::Simple).await?;
    session.close().await;
    Ok(match (kept.rows(), after.rows()) {
        (_, 1..) => Outcome::Fail { objects: vec!["connection".into()], evidence: "an advisory lock survives DISCARD ALL".into() },
        (0, _) => Outcome::Pass("an advisory lock does not survive the transaction".into()),
        _ => Outcome::Residual("an advisory lock stays on the connection until DISCARD ALL: a pooler must send it between tenants".into()),
    })
}
