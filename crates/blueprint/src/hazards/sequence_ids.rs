//! Ids from one sequence for all tenants: their gaps tell how much others do, and they are easy to guess.

use super::tools::{Report, Scene};
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for (table, _) in scene.scoped() {
        let Some([id]) = table.primary_key.as_ref().map(|k| k.columns.as_slice()) else { continue };
        let Some(column) = table.column(id.as_str()) else { continue };
        let drawn = column.identity.is_some() || column.default.as_deref().is_some_and(|d| d.starts_with("nextval("));
        if drawn {
            report.add(
                Severity::Low,
                format!("{}.{id}", table.name),
                "its numbers come from one sequence for all tenants: gaps show how many rows others make",
                "live with it (policies hold all the same), or show outsiders a random uuid; never grant UPDATE on the sequence, which allows setval()",
            );
        }
    }
}
