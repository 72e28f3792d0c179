//! The second level inside the tenant.

use tenantry_model::{Ident, KeyKind, QualifiedName};

use super::findings::blocking;
use crate::catalog::{Catalog, Table};
use crate::classify::Verdict;
use crate::file::Finding;
use crate::registry::{Registry, TableEntry};

/// The level as the registry names it.
pub(super) struct Scope {
    table: QualifiedName,
    key: Ident,
    pub(super) kind: KeyKind,
}

/// Reads the registry's scope; a finding that blocks if it does not fit the database.
pub(super) fn design(catalog: &Catalog, registry: &Registry, findings: &mut Vec<Finding>) -> Option<Scope> {
    let entry = registry.scope.as_ref()?;
    let mut wrong = |why: String| {
        findings.push(blocking(
            "scope-invalid",
            &entry.table,
            format!("The second level cannot be used: {why}."),
            "Correct [scope] in tenantry.toml.",
        ));
        None
    };
    let Ok(name) = entry.table.parse::<QualifiedName>() else {
        return wrong(format!("{} is not of the form schema.table", entry.table));
    };
    let Some(table) = catalog.table(&name) else { return wrong(format!("table {name} does not exist")) };
    let Some([key]) = table.primary_key.as_ref().map(|k| k.columns.as_slice()) else {
        return wrong(format!("{name} has no primary key of one column"));
    };
    let Some(kind) = table.column(key.as_str()).and_then(|c| c.key_kind()) else {
        return wrong(format!("the key of {name} is of a type that cannot be carried in the context"));
    };
    Some(Scope { table: name, key: key.clone(), kind })
}

impl Scope {
    /// The column of a table that carries this level.
    pub(super) fn column_of(
        &self,
        table: &Table,
        verdict: Option<&Verdict>,
        entry: Option<&TableEntry>,
        findings: &mut Vec<Finding>,
    ) -> Option<(Ident, KeyKind)> {
        if entry.and_then(|e| e.scope_column.as_deref()) == Some("") {
            return None;
        }
        let name = if table.name == self.table { &self.key } else { verdict.and_then(|v| v.scope_column.as_ref())? };
        let column = table.column(name.as_str())?;
        let Some(kind) = column.key_kind().filter(|_| column.collation_deterministic) else {
            findings.push(blocking(
                "scope-invalid",
                format!("{}.{name}", table.name),
                format!("{}.{name} ({}) cannot carry the second level.", table.name, column.data_type),
                format!("Give it the type of the key of {}, or write scope_column = \"\" for this table.", self.table),
            ));
            return None;
        };
        Some((name.clone(), kind))
    }
}
