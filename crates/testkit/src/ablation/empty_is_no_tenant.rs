//! A setting that was emptied means every tenant.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "the empty text is no tenant",
    attacks: &["P-14"],
    remove: &["ALTER POLICY tenantry_tenant ON public.project USING (CASE WHEN current_setting('app.tenant_id', true) = '' THEN true ELSE workspace_id = (SELECT tenantry.tenant_id()) END)"],
    restore: &["ALTER POLICY tenantry_tenant ON public.project USING (workspace_id = (SELECT tenantry.tenant_id()))"],
    one_login: false,
};
