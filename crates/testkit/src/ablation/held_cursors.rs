//! Cursors that hold() leaves.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "hold closes cursors",
    attacks: &["S-03"],
    remove: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.hold(text)'::regprocedure), $cut$EXECUTE 'CLOSE ALL';$cut$, $cut$/* EXECUTE 'CLOSE ALL'; */$cut$); END $do$"],
    restore: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.hold(text)'::regprocedure), $cut$/* EXECUTE 'CLOSE ALL'; */$cut$, $cut$EXECUTE 'CLOSE ALL';$cut$); END $do$"],
    one_login: false,
};
