//! A pair of columns refers to rows of several tables: no foreign key can hold it to one tenant.

use super::tools::{Report, Scene};
use crate::classify::{Class, kind_beside};
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for (table, _) in scene.tables().filter(|(_, v)| v.class.is_scoped() || v.class == Class::Unknown) {
        for column in &table.columns {
            let declared = table.foreign_keys.iter().any(|fk| fk.columns.contains(&column.name));
            let Some(kind) = kind_beside(table, &column.name).filter(|_| !declared) else { continue };
            report.add(
                Severity::Medium,
                format!("{}.{}", table.name, column.name),
                format!("which table `{}` refers to stands in `{kind}`: no foreign key can make sure that the row is of the same tenant", column.name),
                "check the tenant in the application wherever the pair is written; or one nullable column with a foreign key per table it may refer to",
            );
        }
    }
}
