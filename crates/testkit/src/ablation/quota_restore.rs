//! A trash that forgets.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "what comes back is charged",
    attacks: &["Q-05"],
    remove: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.quota_guard_notes()'::regprocedure), $cut$HAVING sum(c.units) <> 0$cut$, $cut$HAVING sum(c.units) < 0$cut$); END $do$"],
    restore: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.quota_guard_notes()'::regprocedure), $cut$HAVING sum(c.units) < 0$cut$, $cut$HAVING sum(c.units) <> 0$cut$); END $do$"],
    one_login: false,
};
