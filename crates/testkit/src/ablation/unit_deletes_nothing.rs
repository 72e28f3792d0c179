//! A unit of a tenant that deletes the whole tenant's rows.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "a unit deletes no row of the whole tenant",
    attacks: &["P-09"],
    remove: &["ALTER POLICY tenantry_scope_delete ON public.card USING (true)"],
    restore: &["ALTER POLICY tenantry_scope_delete ON public.card USING ((SELECT tenantry.scope_id()) IS NULL OR team_id = (SELECT tenantry.scope_id()))"],
    one_login: false,
};
