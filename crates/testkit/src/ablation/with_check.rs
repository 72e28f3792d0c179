//! Writing is not bound.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "WITH CHECK of the tenant policy",
    attacks: &["P-08", "P-09", "P-24"],
    remove: &["ALTER POLICY tenantry_tenant ON public.project WITH CHECK (true)"],
    restore: &["ALTER POLICY tenantry_tenant ON public.project WITH CHECK (workspace_id = (SELECT tenantry.tenant_id()))"],
    one_login: false,
};
