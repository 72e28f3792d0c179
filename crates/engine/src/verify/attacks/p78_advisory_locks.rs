//! P-78: locks without an owner.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-78",
    title: "Advisory locks cross tenants",
    severity: Medium,
    meaning: "Keys of advisory locks are database-wide: one tenant can hold the lock another's job waits for, and pg_locks lists the keys.",
    method: "As A takes a lock of this run's own and as B asks for the same, both given back by a rollback.",
    remedy: "Salt the keys with the tenant, or let the proxy refuse the functions.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    const KEY: i64 = 0x7465_6e61_6e74_7279;
    stage.as_a.begin(Some(&stage.a)).await?;
    stage.as_b.begin(Some(&stage.b)).await?;
    let take = format!("SELECT pg_catalog.pg_try_advisory_xact_lock({KEY})");
    let held = stage.as_a.attempt(&take, Wire::Simple).await?;
    stage.as_a.say(&take, Wire::Simple).await?;
    let other = stage.as_b.say(&take, Wire::Simple).await?;
    stage.as_b.end().await?;
    stage.as_a.end().await?;
    Ok(match (held, other) {
        (Answer::Refused { .. }, _) => Outcome::Pass("the functions are out of reach".into()),
        (_, Answer::Done { first: Some(f), .. }) if f == "f" => {
            Outcome::Residual("a lock of tenant A keeps tenant B out: keys are shared by the whole database".into())
        }
        _ => Outcome::Pass("tenant B is not kept out".into()),
    })
}
