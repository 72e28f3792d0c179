//! A table with a second level whose tenant policy is gone: what is left binds the units of one tenant only.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "the second level stands beside the tenant policy",
    attacks: &["P-12"],
    remove: &["ALTER POLICY tenantry_tenant ON public.card TO {rt}"],
    restore: &["ALTER POLICY tenantry_tenant ON public.card TO PUBLIC"],
    one_login: false,
};
