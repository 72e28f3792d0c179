//! A reference that does not carry the tenant: a row may point at another tenant's row.

use super::tools::{Report, Scene, list};
use crate::classify::Class;
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    let root = scene.found.root.table.as_ref();
    for (table, verdict) in scene.scoped().filter(|(_, v)| v.class != Class::Root) {
        for fk in &table.foreign_keys {
            let owner = verdict.path.first().is_some_and(|h| !h.reverse && h.columns == fk.columns);
            let carries = verdict.column.as_ref().is_some_and(|c| fk.columns.contains(c));
            if Some(&fk.references) == root || !scene.is_scoped(&fk.references) || owner || carries {
                continue;
            }
            report.add(
                Severity::High,
                format!("{}.{}", table.name, fk.name),
                format!(
                    "{} refers to {} without the tenant: a row of one tenant may refer to a row of another, and whether it may be stored tells if that row exists",
                    list(&fk.columns),
                    fk.references
                ),
                "a foreign key over (tenant, column) to a unique (tenant, key) there; `tenantry plan` makes both",
            );
        }
    }
}
