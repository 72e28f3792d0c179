//! A partition without a policy of its own.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "each partition has its own tenant policy",
    attacks: &["P-10", "P-71"],
    remove: &["DROP POLICY tenantry_tenant ON public.event_2024", "GRANT SELECT ON public.event_2024 TO {rt}"],
    restore: &["REVOKE SELECT ON public.event_2024 FROM {rt}", "CREATE POLICY tenantry_tenant ON public.event_2024 AS RESTRICTIVE FOR ALL TO PUBLIC USING (workspace_id = (SELECT tenantry.tenant_id())) WITH CHECK (workspace_id = (SELECT tenantry.tenant_id()))"],
    one_login: false,
};
