//! A function that switches the tenant without a signature.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "only signed ways into a tenant",
    attacks: &["C-13"],
    remove: &["CREATE FUNCTION tenantry.support(key uuid) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT'"],
    restore: &["DROP FUNCTION tenantry.support(uuid)"],
    one_login: false,
};
