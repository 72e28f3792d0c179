//! P-62: other tenants' statements.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-62",
    title: "pg_stat_activity shows other tenants' statements",
    severity: High,
    meaning: "Sessions of one login see each other's SQL with all its literals in pg_stat_activity. With one login for all tenants, one tenant reads what the others ask.",
    method: "As B, on another login, runs a statement with a mark in it. As A, looks for the mark in pg_stat_activity, and counts sessions whose text it can read and that are neither its own nor this run's.",
    remedy: "Use one login per pooled connection: the slots that `tenantry apply` makes.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    if stage.logins.len() < 2 {
        return Ok(Outcome::Fail {
            objects: vec![format!("login {}", stage.as_a.login)],
            evidence: "the application has one login for all connections: every session can read the others' statements".into(),
        });
    }
    let mark = "verify_activity_mark";
    stage.as_b.begin(Some(&stage.b)).await?;
    stage.as_b.say(&format!("SELECT '{mark}'"), Wire::Simple).await?;
    stage.as_a.begin(Some(&stage.a)).await?;
    // The control: the session of B is there, and A sees its own text.
    let own = stage.as_a.say("SELECT 1 FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid() AND query LIKE '%pg_stat_activity%'", Wire::Simple).await?;
    let seen = stage.as_a.say(&format!("SELECT 1 FROM pg_catalog.pg_stat_activity WHERE pid <> pg_catalog.pg_backend_pid() AND query LIKE '%{mark}%'"), Wire::Simple).await?;
    stage.as_a.end().await?;
    stage.as_b.end().await?;
    if own.rows() == 0 {
        return Ok(Outcome::Skipped("the server does not track statements (track_activities is off)".into()));
    }
    if seen.rows() > 0 {
        return Ok(Outcome::Fail {
            objects: vec![format!("login {}", stage.as_a.login)],
            evidence: "a statement of another login's session can be read".into(),
        });
    }
    Ok(Outcome::Pass("the text of another slot's session is hidden".into()))
}
