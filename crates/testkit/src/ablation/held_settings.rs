//! Settings that hold() leaves.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "hold resets the settings",
    attacks: &["S-02", "S-11"],
    remove: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.hold(text)'::regprocedure), $cut$RESET ALL;$cut$, $cut$/* RESET ALL; */$cut$); END $do$"],
    restore: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.hold(text)'::regprocedure), $cut$/* RESET ALL; */$cut$, $cut$RESET ALL;$cut$); END $do$"],
    one_login: false,
};
