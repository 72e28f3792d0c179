//! What the runtime logins may do: read and write rows, and nothing else. Never TRUNCATE, REFERENCES or TRIGGER, which
//! pass by the policies; nothing on partitions, which are reached through their parent. After the policies stand.

use super::{object, table, table_object};
use crate::ddl::acl::{self, Kind, Object};
use crate::file::{Lock, Phase, Step};
use crate::plan::design::Design;
use crate::registry::Access;

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut out = Vec::new();
    let to = design.roles.runtime.clone();
    for t in &design.tables {
        // A scoped table without a binding is not guarded; its finding blocks, and it gets no right.
        let words = match t.access {
            _ if t.class.is_scoped() && t.bound.is_none() => continue,
            Access::Write => "SELECT, INSERT, UPDATE, DELETE",
            Access::Read => "SELECT",
            Access::None => continue,
        };
        let on = table_object(&t.table.name, &t.table.owner);
        let mut step = table(Phase::Apply, &t.table.name, format!("Let the runtime logins use {}", t.table.name));
        step.lock = Lock::None;
        step.up = vec![acl::grant(words, &on, Some(&to))];
        step.down = vec![acl::revoke("ALL", &on, Some(&to))];
        out.push(step);
    }
    for sequence in &design.catalog.sequences {
        let used = design.tables.iter().filter(|t| t.access == Access::Write).any(|t| feeds(t.table, sequence));
        if !used {
            continue;
        }
        let on = Object { kind: Kind::Sequence, sql: sequence.name.quoted(), owner: sequence.owner.clone() };
        let mut step = object(
            Phase::Apply,
            sequence.name.to_string(),
            format!("Let the runtime logins take numbers from {}", sequence.name),
        );
        step.table = sequence.owned_by.as_ref().map(|(t, _)| t.clone());
        step.up = vec![acl::grant("USAGE", &on, Some(&to))];
        step.down = vec![acl::revoke("ALL", &on, Some(&to))];
        out.push(step);
    }
    out
}

/// The sequence gives the default of a column of this table. Identity columns need no right.
fn feeds(table: &crate::catalog::Table, sequence: &crate::catalog::Sequence) -> bool {
    if let Some((owner, column)) = &sequence.owned_by
        && owner == &table.name
    {
        return table.column(column.as_str()).is_some_and(|c| c.identity.is_none());
    }
    table
        .columns
        .iter()
        .filter_map(|c| c.default.as_deref())
        .any(|d| d.contains("nextval(") && d.contains(sequence.name.name.as_str()))
}
