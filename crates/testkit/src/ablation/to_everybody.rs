//! The tenant policy binds one role.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "the tenant policy is for everybody",
    attacks: &["P-10", "P-12"],
    remove: &["ALTER POLICY tenantry_tenant ON public.project TO {rt}"],
    restore: &["ALTER POLICY tenantry_tenant ON public.project TO PUBLIC"],
    one_login: false,
};
