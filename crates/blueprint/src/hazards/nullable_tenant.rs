//! The tenant column may be NULL, and nobody has said what such a row is.

use super::tools::{Report, Scene};
use crate::classify::Class;
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for (table, verdict) in scene.scoped().filter(|(_, v)| v.class != Class::Root) {
        let Some(column) = verdict.column.as_ref().filter(|_| verdict.nullable) else { continue };
        if scene.registry.table(&table.name).is_some_and(|e| e.null_tenant.is_some()) {
            continue;
        }
        report.add(
            Severity::Medium,
            format!("{}.{column}", table.name),
            "a row without a tenant may be offered to all, be a person's own, be left behind, or be a mistake: each needs another policy",
            format!("say which in tenantry.toml: null_tenant = \"shared\", \"personal\", \"orphan\" or \"never\" for {}", table.name),
        );
    }
}
