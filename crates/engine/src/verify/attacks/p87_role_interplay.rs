//! P-87: roles and transactions.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-87",
    title: "A rolled-back change of role leaves the wrong one",
    severity: Medium,
    meaning: "CVE-2024-10978 and its kin: a change of role in a transaction, in a function or after an error left the wrong role in force.",
    method: "As A: SET ROLE, SET SESSION AUTHORIZATION and set_config of role, each in a transaction that is rolled back and after an error; current_user and session_user must be the login as before.",
    remedy: "Install the newest minor release.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let session = stage.fresh(0).await?;
    let login = literal(&session.login);
    let check = format!("SELECT 1 WHERE CURRENT_USER = {login} AND SESSION_USER = {login}");
    for sql in [
        "SET SESSION AUTHORIZATION DEFAULT",
        "SET ROLE NONE",
        "SET LOCAL ROLE NONE",
        "SELECT pg_catalog.set_config('role', 'none', false)",
        "RESET SESSION AUTHORIZATION",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    ] {
        tally.tried();
        session.begin(Some(&stage.a)).await?;
        session.attempt(sql, Wire::Simple).await?;
        session.say(sql, Wire::Simple).await?;
        session.attempt("SELECT 1/0", Wire::Simple).await?;
        session.end().await?;
        if session.say(&check, Wire::Simple).await?.rows() != 1 {
            tally.broke(sql, "another role is in force after the rollback");
        }
    }
    session.close().await;
    Ok(tally.finish("statement", "the login is in force after the rollback"))
}
