//! Rows move between tenants' partitions.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "WITH CHECK of a table partitioned by tenant",
    attacks: &["P-72", "P-09"],
    remove: &["ALTER POLICY tenantry_tenant ON public.metric WITH CHECK (true)", "ALTER POLICY tenantry_tenant ON public.metric_others WITH CHECK (true)"],
    restore: &["ALTER POLICY tenantry_tenant ON public.metric WITH CHECK (workspace_id = (SELECT tenantry.tenant_id()))", "ALTER POLICY tenantry_tenant ON public.metric_others WITH CHECK (workspace_id = (SELECT tenantry.tenant_id()))"],
    one_login: false,
};
