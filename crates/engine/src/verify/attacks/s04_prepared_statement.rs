//! S-04: a statement left prepared.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "S-04",
    title: "A prepared statement survives on the connection",
    severity: High,
    meaning: "A statement prepared by SQL stays with its text and literals, for the next user to read and run. It runs under the next tenant.",
    method: "On one connection, as A, prepares a statement with a mark in it; as B, looks for it; then again after DISCARD ALL, and after tenantry.hold has given the connection to B.",
    remedy: "Send DEALLOCATE ALL or DISCARD ALL between tenants, or hand connections over with tenantry.hold.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let leave = "PREPARE verify_statement AS SELECT 'verify_mark'";
    let look = "SELECT 1 FROM pg_catalog.pg_prepared_statements WHERE from_sql AND statement LIKE '%verify_mark%'";
    survives(stage, leave, look, "a prepared statement").await
}
