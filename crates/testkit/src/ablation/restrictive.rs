//! The tenant policy OR-ed with the others.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "the tenant policy is restrictive",
    attacks: &["P-10", "P-11", "P-12", "C-01", "S-01"],
    remove: &["DROP POLICY tenantry_tenant ON public.project", "CREATE POLICY tenantry_tenant ON public.project AS PERMISSIVE FOR ALL TO PUBLIC USING (workspace_id = (SELECT tenantry.tenant_id())) WITH CHECK (workspace_id = (SELECT tenantry.tenant_id()))"],
    restore: &["DROP POLICY tenantry_tenant ON public.project", "CREATE POLICY tenantry_tenant ON public.project AS RESTRICTIVE FOR ALL TO PUBLIC USING (workspace_id = (SELECT tenantry.tenant_id())) WITH CHECK (workspace_id = (SELECT tenantry.tenant_id()))"],
    one_login: false,
};
