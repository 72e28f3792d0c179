//! The tenant column's type is not that of the root's key.

use super::tools::{Report, Scene};
use crate::classify::Class;
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    let root = &scene.found.root;
    let key = root.table.as_ref().and_then(|t| scene.catalog.table(t)).zip(root.key.first());
    let Some(key_type) = key.and_then(|(t, k)| t.column(k.as_str())).map(|c| c.data_type.clone()) else { return };
    for (table, verdict) in scene.scoped().filter(|(_, v)| v.class != Class::Root) {
        let Some(column) = verdict.column.as_ref().and_then(|c| table.column(c.as_str())) else { continue };
        if column.data_type == key_type {
            continue;
        }
        let number = |t: &str| matches!(t, "smallint" | "integer" | "bigint");
        let text = |t: &str| t == "text" || t.starts_with("character varying");
        let near = number(&column.data_type) && number(&key_type) || text(&column.data_type) && text(&key_type);
        if text(&column.data_type) && text(&key_type) {
            continue;
        }
        report.add(
            if near { Severity::Low } else { Severity::High },
            format!("{}.{}", table.name, column.name),
            format!("it is {}, the key of the root is {key_type}: {}", column.data_type, if near {
                "joins cast, and a foreign key works but compares across types"
            } else {
                "no foreign key can hold it to an existing tenant"
            }),
            format!("change the column to {key_type}"),
        );
    }
}
