//! A table with tenants' rows and no primary key: a row cannot be named.

use super::tools::{Report, Scene};
use crate::catalog::TableKind;
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for (table, _) in scene.scoped().filter(|(t, _)| t.kind != TableKind::Foreign && t.primary_key.is_none()) {
        let whole = table.replica_identity != 'd';
        report.add(
            if whole { Severity::Low } else { Severity::Medium },
            &table.name,
            "it has no primary key: updates of it cannot be replicated, so a tenant cannot be moved while it works, and no other table can refer to a row together with its tenant",
            "add one, for example a generated identity column; or ALTER TABLE … REPLICA IDENTITY FULL",
        );
    }
}
