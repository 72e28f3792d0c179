//! A policy that reads a setting.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "policies ask the signed context",
    attacks: &["P-10", "P-25"],
    remove: &["ALTER POLICY tenantry_tenant ON public.project USING (workspace_id = nullif(current_setting('app.tenant_id', true), '')::uuid)"],
    restore: &["ALTER POLICY tenantry_tenant ON public.project USING (workspace_id = (SELECT tenantry.tenant_id()))"],
    one_login: false,
};
