//! A unit of a tenant that writes for the others.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "a unit writes its own rows only",
    attacks: &["P-08"],
    remove: &["ALTER POLICY tenantry_scope ON public.card WITH CHECK (true)"],
    restore: &["ALTER POLICY tenantry_scope ON public.card WITH CHECK ((SELECT tenantry.scope_id()) IS NULL OR team_id = (SELECT tenantry.scope_id()))"],
    one_login: false,
};
