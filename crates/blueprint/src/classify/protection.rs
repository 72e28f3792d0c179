//! Whether a table is protected already.

use crate::catalog::Table;

/// Row-level security is on and a restrictive policy asks for a tenant.
pub(super) fn is_protected(table: &Table) -> bool {
    table.rls_enabled
        && table.policies.iter().any(|p| {
            !p.permissive
                && p.using
                    .as_deref()
                    .is_some_and(|u| u.contains("tenantry.tenant_id") || u.contains("current_setting("))
        })
}
