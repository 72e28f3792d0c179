//! P-37: one tenant that locks all out.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-37",
    title: "LOCK TABLE stops every tenant",
    severity: High,
    meaning: "The rights to update or delete suffice for LOCK TABLE … IN ACCESS EXCLUSIVE MODE: one tenant can freeze all. PostgreSQL has no right that separates the two.",
    method: "Reads whether the runtime may write the tables, which is what the server asks for; locks nothing.",
    remedy: "Nothing in the database prevents it. Let the proxy refuse LOCK TABLE, and set lock_timeout, statement_timeout and idle_in_transaction_session_timeout for the runtime logins.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let writable = stage.writable().count();
    if writable == 0 {
        return Ok(Outcome::Pass("the runtime may write no protected table, and so may lock none".into()));
    }
    Ok(Outcome::Residual(format!(
        "{writable} tables can be locked by whoever may write them: the server has no separate right for LOCK TABLE. \
         Time limits and the proxy bound the harm"
    )))
}
