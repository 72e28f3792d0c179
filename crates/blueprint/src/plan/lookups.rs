//! Look-ups that come before a tenant is known, as the registry declares them.

use tenantry_model::{Ident, QualifiedName};

use super::design::{LookupDesign, TableDesign};
use super::findings::blocking;
use crate::catalog::{Catalog, Table};
use crate::file::Finding;
use crate::registry::{LookupEntry, Registry};

/// Checks and designs every look-up; a finding that blocks for each that cannot be.
pub(super) fn design<'a>(
    catalog: &'a Catalog,
    registry: &Registry,
    tables: &[TableDesign<'_>],
    findings: &mut Vec<Finding>,
) -> Vec<LookupDesign<'a>> {
    let mut out: Vec<LookupDesign<'a>> = Vec::new();
    for entry in &registry.lookups {
        match one(catalog, tables, entry) {
            Ok(lookup) if out.iter().any(|l| l.name == lookup.name) => {
                findings.push(wrong(entry, "another look-up has this name"));
            }
            Ok(lookup) => out.push(lookup),
            Err(why) => findings.push(wrong(entry, &why)),
        }
    }
    out
}

fn wrong(entry: &LookupEntry, why: &str) -> Finding {
    blocking(
        "lookup-invalid",
        &entry.name,
        format!("Look-up {} cannot be made: {why}.", entry.name),
        "Correct it under [[lookups]] in tenantry.toml.",
    )
}

fn one<'a>(catalog: &'a Catalog, tables: &[TableDesign<'_>], entry: &LookupEntry) -> Result<LookupDesign<'a>, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if entry.name.is_empty() || entry.name.len() > 50 || !entry.name.chars().all(plain) {
        return Err("its name must be 1 to 50 lower case letters, digits and underscores".to_owned());
    }
    let name: QualifiedName = entry.table.parse().map_err(|e| format!("{e}"))?;
    let table = catalog.table(&name).ok_or_else(|| format!("table {name} does not exist"))?;
    if entry.r#match.is_empty() || entry.returns.is_empty() {
        return Err("it must have columns to match and columns to return".to_owned());
    }
    // the tenant column may be one that this very plan adds
    let added = tables.iter().find(|t| t.table.name == name).and_then(TableDesign::column_bound);
    let added = added.filter(|b| b.fill.is_some()).map(|b| (b.column.clone(), b.data_type.clone()));
    let arguments = columns(table, added.as_ref(), &entry.r#match)?;
    let returns = columns(table, added.as_ref(), &entry.returns)?;
    let matched: Vec<Ident> = arguments.iter().map(|(c, _)| c.clone()).collect();
    if !unique_within(table, &matched) {
        return Err(format!(
            "{} is not unique in {name}, so more than one tenant's row could match; match a unique key",
            entry.r#match.join(", ")
        ));
    }
    Ok(LookupDesign {
        name: entry.name.clone(),
        table,
        search_path: search_path(catalog, arguments.iter().map(|(_, t)| t.as_str())),
        arguments,
        returns,
        reason: entry.reason.clone(),
    })
}

fn columns(table: &Table, added: Option<&(Ident, String)>, names: &[String]) -> Result<Vec<(Ident, String)>, String> {
    let mut out: Vec<(Ident, String)> = Vec::new();
    for name in names {
        let there = table.column(name).map(|c| (c.name.clone(), c.data_type.clone()));
        let column = there
            .or_else(|| added.filter(|(c, _)| c.as_str() == name).cloned())
            .ok_or_else(|| format!("column {}.{name} does not exist", table.name))?;
        if out.iter().any(|(c, _)| c == &column.0) {
            return Err(format!("column {name} is named twice"));
        }
        out.push(column);
    }
    Ok(out)
}

/// A unique key lies within these columns, so at most one row can match.
fn unique_within(table: &Table, columns: &[Ident]) -> bool {
    let within = |key: &[Ident]| key.iter().all(|c| columns.contains(c));
    table.primary_key.iter().chain(&table.uniques).any(|k| !k.deferrable && within(&k.columns))
        || table
            .indexes
            .iter()
            .any(|i| i.unique && i.valid && i.predicate.is_none() && i.plain_columns().is_some_and(|c| within(&c)))
}

/// A pinned `search_path`: `pg_catalog`, the schemas of extension types among these, and `pg_temp` last.
pub(crate) fn search_path<'t>(catalog: &Catalog, types: impl Iterator<Item = &'t str>) -> String {
    let mut path = vec!["pg_catalog".to_owned()];
    for data_type in types {
        let bare = data_type.rsplit('.').next().unwrap_or(data_type);
        for extension in catalog.extensions.iter().filter(|e| e.name == bare) {
            if !path.contains(&extension.schema.quoted()) {
                path.push(extension.schema.quoted());
            }
        }
    }
    path.push("pg_temp".to_owned());
    path.join(", ")
}
