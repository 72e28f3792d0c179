//! A foreign table has no row-level security and connects as one user of another server.

use super::tools::{Report, Scene};
use crate::catalog::TableKind;
use crate::classify::Class;
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for table in scene.catalog.tables.iter().filter(|t| t.kind == TableKind::Foreign) {
        let free = matches!(scene.class(&table.name), Class::Shared | Class::System);
        report.add(
            if free { Severity::Low } else { Severity::High },
            &table.name,
            "foreign tables cannot have policies: whoever may read it reads every row of it",
            "revoke it from the application's roles and register it as system, or copy what is needed into a table of this database",
        );
    }
}
