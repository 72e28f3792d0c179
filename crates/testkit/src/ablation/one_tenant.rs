//! Several tenants in one text.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "policies know one tenant",
    attacks: &["P-20"],
    remove: &["ALTER POLICY tenantry_tenant ON public.project USING (workspace_id::text = ANY (string_to_array((SELECT tenantry.tenant_id())::text, ',')))"],
    restore: &["ALTER POLICY tenantry_tenant ON public.project USING (workspace_id = (SELECT tenantry.tenant_id()))"],
    one_login: false,
};
