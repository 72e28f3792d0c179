//! A definer function that pg_temp leads astray.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "definer functions end their search_path in pg_temp",
    attacks: &["P-32"],
    remove: &["ALTER FUNCTION tenantry.leave() SET search_path = pg_catalog"],
    restore: &["ALTER FUNCTION tenantry.leave() SET search_path = pg_catalog, pg_temp"],
    one_login: false,
};
