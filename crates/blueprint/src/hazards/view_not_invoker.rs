//! A view that reads with its owner's rights: the caller's policies are not asked.

use super::tools::{Report, Scene};
use crate::file::Severity;
use crate::registry::Access;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for view in scene.catalog.views.iter().filter(|v| !v.materialized && !v.security_invoker) {
        let decided = scene.registry.views.get(&view.name.to_string());
        let Some(table) = scene.reads_scoped(&view.name).filter(|_| decided.is_none_or(|d| d.access != Access::None)) else {
            continue;
        };
        report.add(
            Severity::Critical,
            &view.name,
            format!("it reads {table} as {}, not as the caller: it shows rows of all tenants", view.owner),
            format!("ALTER VIEW {} SET (security_invoker = true); `tenantry plan` does so", view.name.quoted()),
        );
    }
}
