//! P-88: serializable transactions of two tenants.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-88",
    title: "Serializable transactions of tenants disturb each other",
    severity: Medium,
    meaning: "Predicate locks are taken below the policies: sequential scans of serializable transactions make other tenants' fail with 40001, and tell that somebody writes.",
    method: "Nothing is attacked: reads whether serializable is the default of the runtime logins.",
    remedy: "Use indexes that begin with the tenant (`tenantry apply` makes them), and serializable only where it is needed.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let answer = stage.as_a.say("SHOW default_transaction_isolation", Wire::Simple).await?;
    Ok(match answer {
        Answer::Done { first: Some(level), .. } if level == "serializable" => Outcome::Residual(
            "transactions are serializable by default: failures with 40001 can come from other tenants' writes".into(),
        ),
        _ => Outcome::Pass("transactions are not serializable by default".into()),
    })
}
