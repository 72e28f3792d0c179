//! S-02: settings of the last user.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "S-02",
    title: "Settings survive on the connection",
    severity: High,
    meaning: "search_path, statement_timeout, row_security, TimeZone and other settings of one user are still there for the next.",
    method: "On one connection, as A, changes settings for the session; as B, looks; then again after DISCARD ALL, and after tenantry.hold has given the connection to B.",
    remedy: "Send DISCARD ALL (or RESET ALL and its kin) between tenants, or hand connections over with tenantry.hold.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let leave = "SET SESSION TimeZone = 'Antarctica/Troll'; SET SESSION application_name = 'verify_residue'";
    let look = "SELECT 1 WHERE pg_catalog.current_setting('TimeZone') = 'Antarctica/Troll' OR pg_catalog.current_setting('application_name') = 'verify_residue'";
    survives(stage, leave, look, "a session's setting").await
}
