//! Numbers of sequences that hold() leaves.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "hold forgets numbers",
    attacks: &["S-08"],
    remove: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.hold(text)'::regprocedure), $cut$DISCARD SEQUENCES;$cut$, $cut$/* DISCARD SEQUENCES; */$cut$); END $do$"],
    restore: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.hold(text)'::regprocedure), $cut$/* DISCARD SEQUENCES; */$cut$, $cut$DISCARD SEQUENCES;$cut$); END $do$"],
    one_login: false,
};
