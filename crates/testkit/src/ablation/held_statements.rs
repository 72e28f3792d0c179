//! Statements of SQL's PREPARE that hold() leaves.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "hold deallocates statements of SQL",
    attacks: &["S-04"],
    remove: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.hold(text)'::regprocedure), $cut$EXECUTE format('DEALLOCATE %I', prepared);$cut$, $cut$NULL; /* DEALLOCATE */$cut$); END $do$"],
    restore: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.hold(text)'::regprocedure), $cut$NULL; /* DEALLOCATE */$cut$, $cut$EXECUTE format('DEALLOCATE %I', prepared);$cut$); END $do$"],
    one_login: false,
};
