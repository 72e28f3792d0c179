//! A rewrite rule runs with its owner's rights and passes policies of the tables it writes.

use super::tools::{Report, Scene, list};
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for table in scene.catalog.tables.iter().filter(|t| !t.rules.is_empty()) {
        report.add(
            if scene.is_scoped(&table.name) { Severity::High } else { Severity::Medium },
            &table.name,
            format!("the rules {} rewrite statements on it and run with the rights of the table's owner", list(&table.rules)),
            "replace each rule by a trigger, which runs as the caller",
        );
    }
}
