//! A materialized view holds rows of all tenants and has no row-level security.

use super::tools::{Report, Scene};
use crate::file::Severity;
use crate::registry::Access;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for view in scene.catalog.views.iter().filter(|v| v.materialized) {
        let decided = scene.registry.views.get(&view.name.to_string());
        let Some(table) = scene.reads_scoped(&view.name).filter(|_| decided.is_none_or(|d| d.access != Access::None)) else {
            continue;
        };
        report.add(
            Severity::Critical,
            &view.name,
            format!("it holds rows of {table} of all tenants, and policies cannot stand on it"),
            "revoke it from the application's roles ([views] access = \"none\"), or keep the result in a table with the tenant column",
        );
    }
}
