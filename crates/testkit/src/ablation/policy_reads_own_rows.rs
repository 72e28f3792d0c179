//! A policy that believes a table everybody writes.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "policies trust only protected tables",
    attacks: &["P-17"],
    remove: &["ALTER POLICY tenantry_tenant ON public.project USING (workspace_id = (SELECT tenantry.tenant_id()) AND EXISTS (SELECT FROM public.country))", "GRANT INSERT ON public.country TO {rt}"],
    restore: &["ALTER POLICY tenantry_tenant ON public.project USING (workspace_id = (SELECT tenantry.tenant_id()))", "REVOKE INSERT ON public.country FROM {rt}"],
    one_login: false,
};
