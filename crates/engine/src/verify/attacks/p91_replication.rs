//! P-91: the write-ahead log for everybody.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-91",
    title: "The runtime can read the replication stream",
    severity: High,
    meaning: "A login with REPLICATION, or with EXECUTE on the slot functions, reads every change of every tenant from the write-ahead log.",
    method: "Reads the REPLICATION attribute of the runtime logins, and tries to make and to read a replication slot.",
    remedy: "ALTER ROLE … NOREPLICATION; revoke EXECUTE on the slot functions.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let with = stage
        .list(&format!("SELECT rolname::text FROM pg_roles WHERE rolreplication AND rolname IN ({}) ORDER BY 1", stage.login_list()))
        .await?;
    for _ in &stage.logins {
        tally.tried();
    }
    for login in &with {
        tally.broke(format!("login {login}"), "has REPLICATION");
    }
    if tally.is_broken() {
        return Ok(tally.finish("runtime login", ""));
    }
    // Peeking at a slot that does not exist: the right is asked for before the slot is looked up.
    for sql in [
        "SELECT pg_catalog.pg_logical_slot_peek_changes('verify_no_such_slot', NULL, 1)",
        "SELECT pg_catalog.pg_drop_replication_slot('verify_no_such_slot')",
    ] {
        tally.attempt();
        let answer = stage.as_a.say(sql, Wire::Simple).await?;
        // 55000: the server does not keep a logical log at all.
        if !matches!(answer.code(), "42501" | "55000") {
            tally.broke("replication slots", "the runtime can use them");
        }
    }
    Ok(tally.finish("runtime login", "no REPLICATION, and slots are refused"))
}
