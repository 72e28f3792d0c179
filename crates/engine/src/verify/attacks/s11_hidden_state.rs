//! S-11: state set where nobody looks.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "S-11",
    title: "State set inside a function escapes the reset",
    severity: Medium,
    meaning: "A pooler that resets only what it saw being set misses what a function or a DO block set.",
    method: "On one connection, as A, sets a setting and listens from inside a DO block; after DISCARD ALL neither may be there, and not after tenantry.hold has given the connection to B.",
    remedy: "Send DISCARD ALL between tenants, whatever was seen; or hand connections over with tenantry.hold.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let session = stage.fresh(0).await?;
    let block = "DO $verify$ BEGIN PERFORM pg_catalog.set_config('TimeZone', 'Antarctica/Troll', false); EXECUTE 'LISTEN verify_channel'; END $verify$";
    let look = "SELECT 1 WHERE pg_catalog.current_setting('TimeZone') = 'Antarctica/Troll' \
                OR EXISTS (SELECT 1 FROM pg_catalog.pg_listening_channels() c WHERE c = 'verify_channel')";
    let mut survived = None;
    for (way, clean) in [("DISCARD ALL", None), ("tenantry.hold", Some(&stage.b))] {
        session.begin(Some(&stage.a)).await?;
        let done = session.say(block, Wire::Simple).await?;
        session.say("COMMIT", Wire::Simple).await?;
        if matches!(done, Answer::Refused { .. }) {
            session.close().await;
            return Ok(Outcome::Pass("DO blocks are refused".into()));
        }
        let clean = clean.map_or_else(|| "DISCARD ALL".to_owned(), |tenant| session.hold_sql(tenant));
        // a refused hold is the word to close the connection
        let cleaned = matches!(session.say(&clean, Wire::Simple).await?, Answer::Done { .. });
        if cleaned && session.say(look, Wire::Simple).await?.rows() > 0 {
            survived = survived.or(Some(way));
        }
        session.say("DISCARD ALL", Wire::Simple).await?;
        session.bind().await?;
    }
    session.close().await;
    Ok(match survived {
        None => Outcome::Pass("DISCARD ALL and tenantry.hold remove what a DO block set".into()),
        Some(way) => Outcome::Fail { objects: vec!["connection".into()], evidence: format!("state set in a DO block survives {way}") },
    })
}
