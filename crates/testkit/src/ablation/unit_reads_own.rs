//! A unit of a tenant that sees the others.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "a unit sees its own rows and those of the whole tenant",
    attacks: &["P-10"],
    remove: &["ALTER POLICY tenantry_scope ON public.card USING (true)"],
    restore: &["ALTER POLICY tenantry_scope ON public.card USING ((SELECT tenantry.scope_id()) IS NULL OR team_id = (SELECT tenantry.scope_id()) OR team_id IS NULL)"],
    one_login: false,
};
