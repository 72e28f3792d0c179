//! A token for one transaction that holds the session.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "a held token is of a form of its own",
    attacks: &["C-05", "C-12"],
    remove: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.hold(text)'::regprocedure), $cut$'^h1$cut$, $cut$'^[ht]1$cut$); END $do$"],
    restore: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.hold(text)'::regprocedure), $cut$'^[ht]1$cut$, $cut$'^h1$cut$); END $do$"],
    one_login: false,
};
