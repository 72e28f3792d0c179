//! An amount that gives room.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "an amount below zero counts as zero",
    attacks: &["Q-03"],
    remove: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.quota_guard_bytes()'::regprocedure), $cut$greatest(tenantry_row.\"size\", 0)$cut$, $cut$(tenantry_row.\"size\" + 0)$cut$); END $do$"],
    restore: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.quota_guard_bytes()'::regprocedure), $cut$(tenantry_row.\"size\" + 0)$cut$, $cut$greatest(tenantry_row.\"size\", 0)$cut$); END $do$"],
    one_login: false,
};
