//! A tenant column under which two different texts are equal: `Acme` and `acme` would be one tenant.

use super::tools::{Report, Scene};
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for (table, verdict) in scene.scoped() {
        let Some(column) = scene.tenant_column(verdict).and_then(|c| table.column(c.as_str())) else { continue };
        let t = column.data_type.as_str();
        let folds = t == "citext" || t.ends_with(".citext");
        let pads = t == "character" || t.starts_with("character(");
        let what = match (folds, pads, column.collation_deterministic) {
            (true, _, _) => "citext ignores case",
            (_, true, _) => "character(n) ignores blanks at the end",
            (_, _, false) => "its collation is nondeterministic",
            _ => continue,
        };
        report.add(
            Severity::High,
            format!("{}.{}", table.name, column.name),
            format!("{what}: two different keys are equal, so two tenants may see each other's rows"),
            "change the column to text with the default collation, or to uuid",
        );
    }
}
