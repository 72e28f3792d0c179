//! Channels that hold() leaves open.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "hold stops listening",
    attacks: &["S-06", "S-11"],
    remove: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.hold(text)'::regprocedure), $cut$UNLISTEN *;$cut$, $cut$/* UNLISTEN *; */$cut$); END $do$"],
    restore: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.hold(text)'::regprocedure), $cut$/* UNLISTEN *; */$cut$, $cut$UNLISTEN *;$cut$); END $do$"],
    one_login: false,
};
