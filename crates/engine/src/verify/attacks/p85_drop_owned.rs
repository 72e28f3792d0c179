//! P-85: DROP OWNED BY the caller itself.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-85",
    title: "A login removes itself from the policies",
    severity: Critical,
    meaning: "CVE-2026-116311: on old servers DROP OWNED BY oneself takes the caller out of restrictive policies on tables it does not own.",
    method: "As A, in a transaction that is rolled back: DROP OWNED BY CURRENT_USER, then B's rows are looked for. The server's locks for it are bounded by lock_timeout.",
    remedy: "Make the restrictive policy TO PUBLIC (`tenantry complete` does) and install the newest minor release.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let session = stage.fresh(0).await?;
    session.begin(Some(&stage.a)).await?;
    let dropped = session.say("DROP OWNED BY CURRENT_USER", Wire::Simple).await?;
    if matches!(dropped, Answer::Refused { .. }) {
        session.end().await?;
        session.close().await;
        return Ok(match dropped.is_denied() {
            true => Outcome::Pass("DROP OWNED is refused".into()),
            false => Outcome::Skipped(format!("DROP OWNED could not be tried: {}", dropped.code())),
        });
    }
    for table in stage.tables() {
        if own(table, &mut tally).is_none() {
            continue;
        }
        tally.tried();
        let sql = format!("SELECT 1 FROM {} t WHERE {} LIMIT 1", table.sql, table.foreign_to(&stage.a));
        if session.attempt(&sql, Wire::Simple).await?.rows() > 0 {
            tally.broke(&table.table, "tenant B's rows are visible after DROP OWNED BY CURRENT_USER");
        }
    }
    session.end().await?;
    session.close().await;
    Ok(tally.finish("table", "its policies still hold after DROP OWNED BY CURRENT_USER"))
}
