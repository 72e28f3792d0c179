//! Large objects have no row-level security: whoever knows or guesses the number reads them.

use super::tools::{Report, Scene};
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    let remedy = "keep files in bytea columns or outside the database; until then revoke lo_open, lo_get, lo_import and lo_unlink from the application's roles";
    if scene.catalog.large_objects > 0 {
        report.add(
            Severity::High,
            "database",
            format!("{} large objects are stored; their rights are per login, not per tenant", scene.catalog.large_objects),
            remedy,
        );
    }
    for (table, _) in scene.scoped() {
        for c in table.columns.iter().filter(|c| matches!(c.data_type.as_str(), "oid" | "lo")) {
            report.add(
                Severity::Medium,
                format!("{}.{}", table.name, c.name),
                "the column seems to hold numbers of large objects, which no policy binds",
                remedy,
            );
        }
    }
}
