//! A partition or inheritance child without policies of its own: read directly, it shows every tenant.

use super::tools::{Report, Scene};
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for child in scene.catalog.tables.iter().filter(|t| !t.parents.is_empty()) {
        let guarded_parent = child.parents.iter().filter_map(|p| scene.catalog.table(p)).find(|p| p.rls_enabled);
        let Some(parent) = guarded_parent else { continue };
        if child.rls_enabled && !child.policies.is_empty() {
            continue;
        }
        report.add(
            Severity::Critical,
            &child.name,
            format!("{} has row-level security, this part of it has not: only the policies of the table a query names are asked", parent.name),
            "put the same policies on it and enable row-level security; `tenantry plan` does so for every partition",
        );
    }
}
