//! Tenants compared by prefix.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "policies compare whole keys",
    attacks: &["P-19"],
    remove: &["ALTER POLICY tenantry_tenant ON public.project USING (workspace_id::text LIKE (SELECT tenantry.tenant_id())::text || '%')"],
    restore: &["ALTER POLICY tenantry_tenant ON public.project USING (workspace_id = (SELECT tenantry.tenant_id()))"],
    one_login: false,
};
