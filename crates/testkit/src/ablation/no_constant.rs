//! A key written into a policy.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "policies hold no secret",
    attacks: &["P-59"],
    remove: &["ALTER POLICY tenantry_tenant ON public.project USING (workspace_id = (SELECT tenantry.tenant_id()) AND name <> '0123456789abcdef0123456789abcdef')"],
    restore: &["ALTER POLICY tenantry_tenant ON public.project USING (workspace_id = (SELECT tenantry.tenant_id()))"],
    one_login: false,
};
