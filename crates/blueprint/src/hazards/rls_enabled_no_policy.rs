//! Row-level security is on and no permissive policy stands: nobody but the owner sees a row.

use super::tools::{Report, Scene};
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for table in scene.catalog.tables.iter().filter(|t| t.rls_enabled && !t.policies.iter().any(|p| p.permissive)) {
        report.add(
            Severity::Medium,
            &table.name,
            "row-level security is enabled and no permissive policy stands on it: every query finds nothing, until somebody switches it off to get going",
            "write the policy that was meant, or disable row-level security here; `tenantry plan` writes it for tables with a tenant",
        );
    }
}
