//! S-07: a lock left closed.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "S-07",
    title: "A session's advisory lock survives on the connection",
    severity: Medium,
    meaning: "An advisory lock taken for the session stays when the tenant goes, and keeps others out.",
    method: "On one connection, as A, takes a lock of this run's own; as B, looks for it; then again after DISCARD ALL, and after tenantry.hold has given the connection to B.",
    remedy: "Send pg_advisory_unlock_all() or DISCARD ALL between tenants, or hand connections over with tenantry.hold; use pg_advisory_xact_lock.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let leave = "SELECT pg_catalog.pg_advisory_lock(1952804705, 1853125241)";
    let look = "SELECT 1 FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid() AND classid = 1952804705";
    survives(stage, leave, look, "an advisory lock").await
}
