//! No tenant means every tenant.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "no tenant means no row",
    attacks: &["P-01", "P-13", "P-15", "C-08", "C-11", "S-01", "S-12"],
    remove: &["ALTER POLICY tenantry_tenant ON public.project USING (workspace_id = (SELECT tenantry.tenant_id_or_null()) OR (SELECT tenantry.tenant_id_or_null()) IS NULL)"],
    restore: &["ALTER POLICY tenantry_tenant ON public.project USING (workspace_id = (SELECT tenantry.tenant_id()))"],
    one_login: false,
};
