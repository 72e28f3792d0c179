//! S-03: a cursor that outlives its transaction.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "S-03",
    title: "A WITH HOLD cursor survives on the connection",
    severity: High,
    meaning: "A cursor WITH HOLD keeps A's rows beyond its transaction, for whoever fetches from it.",
    method: "On one connection, as A, declares a cursor WITH HOLD over a protected table and commits (the transaction has changed nothing); as B, looks for it; then again after DISCARD ALL, and after tenantry.hold has given the connection to B.",
    remedy: "Send CLOSE ALL or DISCARD ALL between tenants, or hand connections over with tenantry.hold.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let Some(table) = stage.tables().find(|t| t.a.is_some()) else {
        return Ok(Outcome::Skipped("no protected table with a row of tenant A".into()));
    };
    let leave = format!("DECLARE verify_cursor CURSOR WITH HOLD FOR SELECT 1 FROM {} t LIMIT 1", table.sql);
    let look = "SELECT 1 FROM pg_catalog.pg_cursors WHERE name = 'verify_cursor'";
    survives(stage, &leave, look, "a WITH HOLD cursor").await
}
