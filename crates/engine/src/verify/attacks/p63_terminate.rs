//! P-63: ending the others' sessions.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-63",
    title: "A tenant ends other tenants' sessions",
    severity: High,
    meaning: "pg_terminate_backend and pg_cancel_backend work on every session of the same login.",
    method: "As A, tries to cancel and to end a session of another slot login that this run opened for the purpose.",
    remedy: "Use one login per pooled connection (the slots that `tenantry apply` makes), or revoke EXECUTE on the two functions from PUBLIC.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    if stage.logins.len() < 2 {
        return Ok(Outcome::Fail {
            objects: vec![format!("login {}", stage.as_a.login)],
            evidence: "the application has one login for all connections: every session can end the others".into(),
        });
    }
    let victim = stage.fresh(stage.logins.len() - 1).await?;
    let pid = victim.number("SELECT pg_catalog.pg_backend_pid()::pg_catalog.int8").await?;
    let mut tally = Tally::default();
    for call in ["pg_cancel_backend", "pg_terminate_backend"] {
        tally.tried();
        let answer = stage.as_a.say(&format!("SELECT pg_catalog.{call}({pid})"), Wire::Simple).await?;
        if !matches!(answer, Answer::Refused { .. }) {
            tally.broke(call, "works on a session of another login");
        }
    }
    victim.close().await;
    Ok(tally.finish("function", "refused on another slot's session"))
}
