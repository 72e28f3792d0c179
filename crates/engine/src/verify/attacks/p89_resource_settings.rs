//! P-89: limits a tenant can lift.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-89",
    title: "A tenant lifts its own limits",
    severity: Medium,
    meaning: "statement_timeout, work_mem, lock_timeout and their kin can be set by every session: limits stored for a role are a default, not a bound.",
    method: "As A, in a transaction that is rolled back, sets statement_timeout and work_mem.",
    remedy: "Let the proxy bound the time of statements and transactions; the server cannot.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    stage.as_a.begin(Some(&stage.a)).await?;
    let mut open = Vec::new();
    for sql in ["SET LOCAL statement_timeout = 0", "SET LOCAL work_mem = '64MB'", "SET LOCAL lock_timeout = 0", "SET LOCAL idle_in_transaction_session_timeout = 0"] {
        if matches!(stage.as_a.attempt(sql, Wire::Simple).await?, Answer::Done { .. }) {
            open.push(sql.split(' ').nth(2).unwrap_or(sql));
        }
    }
    stage.as_a.end().await?;
    Ok(if open.is_empty() {
        Outcome::Pass("refused".into())
    } else {
        Outcome::Residual(format!("{} can be set by every session: only a proxy can bound them", open.join(", ")))
    })
}
