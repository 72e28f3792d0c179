//! Rows for another.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "only one's own rows are charged",
    attacks: &["Q-14"],
    remove: &["ALTER POLICY tenantry_tenant ON public.note WITH CHECK (true)"],
    restore: &["ALTER POLICY tenantry_tenant ON public.note WITH CHECK (workspace_id = (SELECT tenantry.tenant_id()))"],
    one_login: false,
};
