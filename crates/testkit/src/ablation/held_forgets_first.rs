//! A refused hold that leaves the former tenant.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "hold forgets the former tenant first",
    attacks: &["S-12"],
    remove: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.hold(text)'::regprocedure), $cut$setval('tenantry.m_xact', 0) + currval$cut$, $cut$currval$cut$); END $do$"],
    restore: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.hold(text)'::regprocedure), $cut$currval$cut$, $cut$setval('tenantry.m_xact', 0) + currval$cut$); END $do$"],
    one_login: false,
};
