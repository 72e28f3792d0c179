//! Holds a registry against the database it speaks of.

use tenantry_model::{Ident, QualifiedName};

use super::{Registry, TableEntry, path};
use crate::catalog::{Catalog, Table, TableKind};
use crate::classify::{Class, Classification, classify};
use crate::file::{Finding, Severity};

impl Registry {
    /// What does not fit: tables without an entry, entries without a table or column, exceptions without a reason,
    /// classes that contradict the keys. `found` is what the rules and this registry say together.
    pub fn check(&self, catalog: &Catalog, found: &Classification) -> Vec<Finding> {
        let mut out = Vec::new();
        for v in &found.tables {
            match self.table(&v.table) {
                None => out.push(error(
                    "unregistered-table",
                    &v.table.to_string(),
                    "the registry does not say what this table is".into(),
                    "run `tenantry inspect --write-config tenantry.toml` (decisions are kept) and review the new entry"
                        .into(),
                )),
                Some(e) if e.class == Class::Unknown => out.push(error(
                    "undecided-table",
                    &v.table.to_string(),
                    v.question.clone().unwrap_or_else(|| "nobody has decided what this table is".into()),
                    "set its class in tenantry.toml, with a reason".into(),
                )),
                Some(_) => {}
            }
        }
        self.check_root(catalog, &mut out);
        // what the rules would say alone shows where a decision needs a reason
        let alone =
            classify(catalog, &Registry { root: self.root.clone(), scope: self.scope.clone(), ..Registry::default() });
        for (name, entry) in &self.tables {
            self.check_entry(catalog, &alone, name, entry, &mut out);
        }
        for lookup in &self.lookups {
            let columns = lookup.r#match.iter().chain(&lookup.returns).map(String::as_str);
            missing_columns(catalog, &lookup.table, columns, &format!("lookups.{}", lookup.name), &mut out);
        }
        for (name, entry) in &self.resources {
            let columns = entry.column.iter().map(String::as_str);
            missing_columns(catalog, &entry.table, columns, &format!("resources.{name}"), &mut out);
        }
        self.check_objects(catalog, &mut out);
        self.mark_accepted(&mut out);
        out.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| (&a.id, &a.object).cmp(&(&b.id, &b.object))));
        out
    }

    fn check_root(&self, catalog: &Catalog, out: &mut Vec<Finding>) {
        let Some(root) = &self.root else { return };
        if let Some(table) = root.table.as_deref().filter(|_| !root.create) {
            let columns = root.key.iter().chain(&root.parent).map(String::as_str);
            missing_columns(catalog, table, columns, "root", out);
        }
        if let Some(scope) = &self.scope {
            missing_columns(catalog, &scope.table, std::iter::empty(), "scope", out);
        }
    }

    fn check_entry(
        &self,
        catalog: &Catalog,
        alone: &Classification,
        name: &str,
        entry: &TableEntry,
        out: &mut Vec<Finding>,
    ) {
        let Some(table) = table(catalog, name) else {
            out.push(error(
                "registered-table-gone",
                name,
                "the registry names a table that the database does not have".into(),
                "correct the name, or remove the entry if the table was dropped".into(),
            ));
            return;
        };
        if table.kind == TableKind::Partition {
            out.push(error(
                "registered-partition",
                name,
                "a partition has no class of its own: it follows its parent".into(),
                "remove the entry".into(),
            ));
        }
        let columns = entry.column.iter().chain(entry.scope_column.as_ref().filter(|c| !c.is_empty()));
        missing_columns(catalog, name, columns.map(String::as_str), name, out);
        if let Ok(hops) = path::hops(&entry.path) {
            let mut at = name.to_owned();
            for hop in hops {
                missing_columns(catalog, &at, hop.columns.iter().map(Ident::as_str), name, out);
                at = hop.references.to_string();
                missing_columns(catalog, &at, hop.referenced_columns.iter().map(Ident::as_str), name, out);
            }
        }
        for unique in entry.global_uniques.keys() {
            let known = table.uniques.iter().any(|k| k.name.as_str() == unique)
                || table.indexes.iter().any(|i| i.name.as_str() == unique);
            if !known {
                out.push(error(
                    "registered-unique-gone",
                    &format!("{name}.{unique}"),
                    "the registry keeps a unique constraint or index global that the table does not have".into(),
                    "correct the name, or remove the entry".into(),
                ));
            }
        }
        let Some(rules) = alone.tables.iter().find(|v| v.table == table.name) else { return };
        // how a table is bound to its tenant is a choice; whether it is bound at all needs a reason
        let bound = |c: Class| c.is_scoped() && c != Class::Root;
        let differs = entry.class != rules.class
            && rules.class != Class::Unknown
            && entry.class != Class::Unknown
            && !(bound(entry.class) && bound(rules.class));
        if differs && entry.reason.as_deref().is_none_or(|r| r.trim().is_empty()) {
            out.push(finding(
                "exception-without-reason",
                Severity::Medium,
                name,
                format!(
                    "the registry says {:?}, the rules say {:?} ({})",
                    entry.class,
                    rules.class,
                    rules.reasons.join("; ")
                )
                .to_lowercase(),
                "add `reason = \"…\"` to the entry, or take the rules' class".into(),
            ));
        }
        let by_key =
            rules.confidence >= 0.97 && matches!(rules.class, Class::Direct | Class::Indirect | Class::Membership);
        if by_key && matches!(entry.class, Class::Shared | Class::System) {
            out.push(finding(
                "class-contradicts-key",
                Severity::Critical,
                name,
                format!("it is registered as {:?}, but {}: every tenant would read every tenant's rows", entry.class, rules.reasons.join("; ")).to_lowercase(),
                "register it as direct or indirect; if its rows really are for everybody, accept this finding with a reason".into(),
            ));
        }
        if entry.class == Class::Direct
            && entry.column.is_none()
            && rules.column.is_none()
            && self.root.as_ref().is_none_or(|r| !r.create)
        {
            out.push(error(
                "direct-without-column",
                name,
                "it is registered as direct, but no tenant column is named and none is found".into(),
                "name it: column = \"…\"; or register it as indirect with a path".into(),
            ));
        }
    }

    fn check_objects(&self, catalog: &Catalog, out: &mut Vec<Finding>) {
        for name in self.views.keys().filter(|n| !catalog.views.iter().any(|v| v.name.to_string() == **n)) {
            out.push(error(
                "registered-view-gone",
                name,
                "the registry names a view that the database does not have".into(),
                "correct or remove the entry".into(),
            ));
        }
        for name in self.functions.keys() {
            if !catalog.functions.iter().any(|f| format!("{}({})", f.name, f.arguments) == *name) {
                out.push(error(
                    "registered-function-gone",
                    name,
                    "the registry names a function that the database does not have".into(),
                    "correct or remove the entry; write it as schema.name(arguments)".into(),
                ));
            }
        }
    }
}

fn table<'c>(catalog: &'c Catalog, name: &str) -> Option<&'c Table> {
    catalog.table(&name.parse::<QualifiedName>().ok()?)
}

fn missing_columns<'c>(
    catalog: &Catalog,
    name: &str,
    columns: impl Iterator<Item = &'c str>,
    key: &str,
    out: &mut Vec<Finding>,
) {
    let Some(table) = table(catalog, name) else {
        if key != name {
            out.push(error(
                "registered-table-gone",
                name,
                format!("`{key}` in the registry names a table that the database does not have"),
                "correct the name".into(),
            ));
        }
        return;
    };
    for column in columns.filter(|c| table.column(c).is_none()) {
        out.push(error(
            "registered-column-gone",
            &format!("{name}.{column}"),
            format!("`{key}` in the registry names a column that the table does not have"),
            "correct the name, or remove it from the registry".into(),
        ));
    }
}

fn error(id: &str, object: &str, message: String, remedy: String) -> Finding {
    Finding { blocks: true, ..finding(id, Severity::High, object, message, remedy) }
}

fn finding(id: &str, severity: Severity, object: &str, message: String, remedy: String) -> Finding {
    Finding { id: id.into(), severity, object: object.into(), message, remedy, blocks: false, accepted: None }
}
