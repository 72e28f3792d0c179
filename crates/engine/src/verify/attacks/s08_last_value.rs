//! S-08: the last number given out.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "S-08",
    title: "currval and lastval show the last tenant's id",
    severity: Medium,
    meaning: "currval and lastval remember the last number of the connection: the next user reads the last id of the one before.",
    method: "On one connection, as A, in a transaction that is rolled back, asks lastval() after entering; as B again; both must not be defined by A's work; and once more after tenantry.hold has given the connection to B. No number of the application's sequences is drawn.",
    remedy: "Send DISCARD SEQUENCES (or DISCARD ALL) between tenants, then bind the session anew; or hand connections over with tenantry.hold.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let session = stage.fresh(0).await?;
    session.begin(Some(&stage.a)).await?;
    let reads = session.attempt("SELECT pg_catalog.lastval()", Wire::Simple).await?;
    session.end().await?;
    session.say("DISCARD ALL", Wire::Simple).await?;
    let after = session.say("SELECT pg_catalog.lastval()", Wire::Simple).await?;
    session.bind().await?;
    let held = session.say(&session.hold_sql(&stage.b), Wire::Simple).await?;
    let after_hold = session.say("SELECT pg_catalog.lastval()", Wire::Simple).await?;
    session.close().await;
    if matches!(reads, Answer::Done { .. }) {
        return Ok(Outcome::Fail {
            objects: vec!["lastval()".into()],
            evidence: "it can read the memory in which the session keeps its tenant".into(),
        });
    }
    if matches!(held, Answer::Done { .. }) && after_hold.code() != "55000" {
        return Ok(Outcome::Fail {
            objects: vec!["lastval()".into()],
            evidence: "it is still there when tenantry.hold has given the connection to tenant B".into(),
        });
    }
    Ok(match after.code() {
        "55000" => Outcome::Residual(
            "a number drawn by one tenant's INSERT can be read by the next on the connection until DISCARD ALL or tenantry.hold".into(),
        ),
        _ => Outcome::Fail { objects: vec!["lastval()".into()], evidence: "it is still there after DISCARD ALL".into() },
    })
}
