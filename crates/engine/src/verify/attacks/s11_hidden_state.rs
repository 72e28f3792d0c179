//! S-11: state set where nobody looks.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "S-11",
    title: "State set inside a function escapes the reset",
    severity: Medium,
    meaning: "A pooler that resets only what it saw being set misses what a function or a DO block set.",
    method: "On one connection, as A, sets a setting and listens from inside a DO block; after DISCARD ALL neither may be there.",
    remedy: "Send DISCARD ALL between tenants, whatever was seen.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let session = stage.fresh(0).await?;
    session.begin(Some(&stage.a)).await?;
    let block = "DO $verify$ BEGIN PERFORM pg_catalog.set_config('TimeZone', 'Antarctica/Troll', false); EXECUTE 'LISTEN verify_channel'; END $verify$";
    let done = session.say(block, Wire::Simple).await?;
    session.say("COMMIT", Wire::Simple).await?;
    session.say("DISCARD ALL", Wire::Simple).await?;
    let left = session
        .say(
            "SELECT 1 WHERE pg_catalog.current_setting('TimeZone') = 'Antarctica/Troll' \
             OR EXISTS (SELECT 1 FROM pg_catalog.pg_listening_channels() c WHERE c = 'verify_channel')",
            Wire::Simple,
        )
        .await?;
    session.close().await;
    Ok(match (done, left.rows()) {
        (Answer::Refused { .. }, _) => Outcome::Pass("DO blocks are refused".into()),
        (_, 0) => Outcome::Pass("DISCARD ALL removes what a DO block set".into()),
        _ => Outcome::Fail { objects: vec!["connection".into()], evidence: "state set in a DO block survives DISCARD ALL".into() },
    })
}
