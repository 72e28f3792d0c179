//! A role that can log in owns tables: an owner can switch policies off.

use std::collections::BTreeMap;

use super::tools::{Report, Scene, list};
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    let mut owned: BTreeMap<&str, Vec<&tenantry_model::QualifiedName>> = BTreeMap::new();
    for (table, _) in scene.scoped() {
        if scene.login(table.owner.as_str()).is_some() {
            owned.entry(table.owner.as_str()).or_default().push(&table.name);
        }
    }
    for (role, tables) in owned {
        let some = list(tables.iter().take(3));
        let more = if tables.len() > 3 { format!(" and {} more", tables.len() - 3) } else { String::new() };
        report.add(
            Severity::High,
            role,
            format!("the login {role} owns {some}{more}: an owner passes policies that are not forced, and can drop them"),
            "`tenantry complete` gives the tables to a role that cannot log in; let the application use the runtime logins",
        );
    }
}
