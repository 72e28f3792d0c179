//! S-02: settings of the last user.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "S-02",
    title: "Settings survive on the connection",
    severity: High,
    meaning: "search_path, statement_timeout, row_security, TimeZone and other settings of one user are still there for the next.",
    method: "On one connection, as A, changes settings for the session; as B, looks; then again after DISCARD ALL.",
    remedy: "Send DISCARD ALL (or RESET ALL and its kin) between tenants.",
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
    for sql in ["SET SESSION TimeZone = 'Antarctica/Troll'", "SET SESSION application_name = 'verify_residue'", "COMMIT"].map(str::to_owned) {
        session.say(&sql, Wire::Simple).await?;
    }
    session.end().await?;
    // Tenant B gets the same connection: once as it is, once after what a pooler is to send.
    session.begin(Some(&stage.b)).await?;
    let kept = session.say("SELECT 1 WHERE pg_catalog.current_setting('TimeZone') = 'Antarctica/Troll' OR pg_catalog.current_setting('application_name') = 'verify_residue'", Wire::Simple).await?;
    session.end().await?;
    session.say("DISCARD ALL", Wire::Simple).await?;
    let after = session.say("SELECT 1 WHERE pg_catalog.current_setting('TimeZone') = 'Antarctica/Troll' OR pg_catalog.current_setting('application_name') = 'verify_residue'", Wire::Simple).await?;
    session.close().await;
    Ok(match (kept.rows(), after.rows()) {
        (_, 1..) => Outcome::Fail { objects: vec!["connection".into()], evidence: "a session's setting survives DISCARD ALL".into() },
        (0, _) => Outcome::Pass("a session's setting does not survive the transaction".into()),
        _ => Outcome::Residual("a session's setting stays on the connection until DISCARD ALL: a pooler must send it between tenants".into()),
    })
}
