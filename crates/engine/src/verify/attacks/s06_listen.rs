//! S-06: an ear left open.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "S-06",
    title: "LISTEN survives on the connection",
    severity: Medium,
    meaning: "A LISTEN of one user delivers its messages to the next.",
    method: "On one connection, as A, listens and commits; as B, asks which channels are open; then again after DISCARD ALL, and after tenantry.hold has given the connection to B.",
    remedy: "Send UNLISTEN * or DISCARD ALL between tenants, or hand connections over with tenantry.hold.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let leave = "LISTEN verify_channel";
    let look = "SELECT 1 FROM pg_catalog.pg_listening_channels() c WHERE c = 'verify_channel'";
    survives(stage, leave, look, "a LISTEN").await
}
