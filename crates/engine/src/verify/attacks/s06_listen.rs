//! S-06: an ear left open.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "S-06",
    title: "LISTEN survives on the connection",
    severity: Medium,
    meaning: "A LISTEN of one user delivers its messages to the next.",
    method: "On one connection, as A, listens and commits; as B, asks which channels are open; then again after DISCARD ALL.",
    remedy: "Send UNLISTEN * or DISCARD ALL between tenants.",
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
    for sql in ["LISTEN verify_channel".to_owned(), "COMMIT".to_owned()] {
        session.say(&sql, Wire::Simple).await?;
    }
    session.end().await?;
    // Tenant B gets the same connection: once as it is, once after what a pooler is to send.
    session.begin(Some(&stage.b)).await?;
    let kept = session.say("SELECT 1 FROM pg_catalog.pg_listening_channels() c WHERE c = 'verify_channel'", Wire::Simple).await?;
    session.end().await?;
    session.say("DISCARD ALL", Wire::Simple).await?;
    let after = session.say("SELECT 1 FROM pg_catalog.pg_listening_channels() c WHERE c = 'verify_channel'", Wire::Simple).await?;
    session.close().await;
    Ok(match (kept.rows(), after.rows()) {
        (_, 1..) => Outcome::Fail { objects: vec!["connection".into()], evidence: "a LISTEN survives DISCARD ALL".into() },
        (0, _) => Outcome::Pass("a LISTEN does not survive the transaction".into()),
        _ => Outcome::Residual("a LISTEN stays on the connection until DISCARD ALL: a pooler must send it between tenants".into()),
    })
}
