//! ON UPDATE CASCADE on a key that holds the tenant moves rows to another tenant without asking their policy.

use super::tools::{Report, Scene};
use crate::catalog::Action;
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    let mut to_root = 0;
    for (table, verdict) in scene.scoped() {
        let Some(column) = &verdict.column else { continue };
        for fk in table.foreign_keys.iter().filter(|fk| fk.on_update == Action::Cascade && fk.columns.contains(column)) {
            if fk.columns.len() == 1 {
                to_root += 1;
                continue;
            }
            report.add(
                Severity::Medium,
                format!("{}.{}", table.name, fk.name),
                format!("when the tenant of a row of {} changes, this row goes along, and its policy is not asked", fk.references),
                "make it ON UPDATE RESTRICT; a key that names a tenant does not change",
            );
        }
    }
    if let (true, Some(root)) = (to_root > 0, &scene.found.root.table) {
        report.add(
            Severity::Low,
            root,
            format!("{to_root} foreign keys follow a change of its key (ON UPDATE CASCADE): changing one tenant's key rewrites all its rows"),
            "never update a tenant's key; the runtime logins need no UPDATE on that column",
        );
    }
}
