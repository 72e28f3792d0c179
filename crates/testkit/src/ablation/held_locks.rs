//! Advisory locks that hold() leaves.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "hold releases advisory locks",
    attacks: &["S-07"],
    remove: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.hold(text)'::regprocedure), $cut$pg_advisory_unlock_all(),$cut$, $cut$/* pg_advisory_unlock_all(), */$cut$); END $do$"],
    restore: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.hold(text)'::regprocedure), $cut$/* pg_advisory_unlock_all(), */$cut$, $cut$pg_advisory_unlock_all(),$cut$); END $do$"],
    one_login: false,
};
