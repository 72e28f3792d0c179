//! Rows without a tenant.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "the policy refuses rows without a tenant",
    attacks: &["P-44"],
    remove: &["ALTER TABLE public.task ALTER workspace_id DROP NOT NULL", "ALTER POLICY tenantry_tenant ON public.task USING (workspace_id = (SELECT tenantry.tenant_id()) OR workspace_id IS NULL) WITH CHECK (workspace_id = (SELECT tenantry.tenant_id()) OR workspace_id IS NULL)"],
    restore: &["ALTER POLICY tenantry_tenant ON public.task USING (workspace_id = (SELECT tenantry.tenant_id())) WITH CHECK (workspace_id = (SELECT tenantry.tenant_id()))", "ALTER TABLE public.task ALTER workspace_id SET NOT NULL"],
    one_login: false,
};
