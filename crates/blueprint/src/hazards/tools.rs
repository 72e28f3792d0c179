//! What lints share: the scene they look at, and how rights are read.

use std::collections::BTreeSet;

use tenantry_model::{Ident, QualifiedName};

use crate::catalog::{Catalog, DbRole, Key, Table, TableKind};
use crate::classify::{Class, Classification, Verdict};
use crate::file::{Finding, Severity};
use crate::registry::Registry;

/// A database with its classes and decisions.
pub(super) struct Scene<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) found: &'a Classification,
    pub(super) registry: &'a Registry,
}

impl<'a> Scene<'a> {
    pub(super) fn new(catalog: &'a Catalog, found: &'a Classification, registry: &'a Registry) -> Self {
        Self { catalog, found, registry }
    }

    /// The verdict on a table; a partition has its parent's.
    pub(super) fn verdict(&self, name: &QualifiedName) -> Option<&'a Verdict> {
        let mut at = name.clone();
        for _ in 0..16 {
            if let Some(verdict) = self.found.verdict(&at) {
                return Some(verdict);
            }
            at = self.catalog.table(&at)?.parents.first()?.clone();
        }
        None
    }

    pub(super) fn class(&self, name: &QualifiedName) -> Class {
        self.verdict(name).map_or(Class::Unknown, |v| v.class)
    }

    pub(super) fn is_scoped(&self, name: &QualifiedName) -> bool {
        self.class(name).is_scoped()
    }

    /// Tables with a tenant's rows, partitions left out.
    pub(super) fn scoped(&self) -> impl Iterator<Item = (&'a Table, &'a Verdict)> + '_ {
        self.tables().filter(|(_, v)| v.class.is_scoped())
    }

    /// Every table with its verdict, partitions left out.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&'a Table, &'a Verdict)> + '_ {
        let tables = self.catalog.tables.iter().filter(|t| t.kind != TableKind::Partition);
        tables.filter_map(|t| Some((t, self.found.verdict(&t.name)?)))
    }

    /// The tenant column of a table, for the root its key.
    pub(super) fn tenant_column(&self, verdict: &'a Verdict) -> Option<&'a Ident> {
        if verdict.class == Class::Root { self.found.root.key.first() } else { verdict.column.as_ref() }
    }

    /// True if one of the columns is owned by a tenant: the tenant column, or a declared reference to scoped rows.
    pub(super) fn holds_tenant(&self, table: &Table, verdict: &'a Verdict, columns: &[Ident]) -> bool {
        let direct = verdict.class != Class::Root && verdict.column.as_ref().is_some_and(|c| columns.contains(c));
        direct
            || table
                .foreign_keys
                .iter()
                .any(|fk| self.is_scoped(&fk.references) && fk.columns.iter().all(|c| columns.contains(c)))
    }

    /// Keys that make rows unique: constraints, and unique indexes of plain columns, by name.
    pub(super) fn uniques(&self, table: &'a Table) -> Vec<(&'a Ident, Vec<Ident>)> {
        let keys = table.uniques.iter().map(|k: &Key| (&k.name, k.columns.clone()));
        let bare = table.indexes.iter().filter(|i| i.unique && !i.of_constraint);
        keys.chain(bare.map(|i| (&i.name, i.keys.iter().filter_map(|k| k.column.clone()).collect()))).collect()
    }

    /// A role that tenantry made, or makes, for this database.
    pub(super) fn is_ours(&self, role: &str) -> bool {
        let names = &self.registry.roles;
        let of = |pattern: &str| match pattern.split_once("{database}") {
            Some((before, after)) => Ident::composed(before, &self.catalog.database, after).to_string(),
            None => pattern.to_owned(),
        };
        [&names.keeper, &names.owner, &names.runtime].into_iter().any(|n| of(n) == role)
            || role.starts_with(&of(&names.slot_prefix))
    }

    /// Roles that own tables or have rights on them: the application's, as far as the catalog shows.
    pub(super) fn application_roles(&self) -> BTreeSet<String> {
        let mut roles = BTreeSet::new();
        for t in &self.catalog.tables {
            roles.insert(t.owner.to_string());
            roles.extend(rights(&t.acl).into_iter().map(|r| r.grantee));
        }
        roles
    }

    /// A login role by name.
    pub(super) fn login(&self, name: &str) -> Option<&'a DbRole> {
        self.catalog.role(name).filter(|r| r.login)
    }

    /// Views that read scoped tables, directly or through other views.
    pub(super) fn reads_scoped(&self, view: &QualifiedName) -> Option<QualifiedName> {
        let mut seen = BTreeSet::new();
        let mut queue = vec![view.clone()];
        while let Some(at) = queue.pop() {
            if !seen.insert(at.clone()) {
                continue;
            }
            match self.catalog.views.iter().find(|v| v.name == at) {
                Some(v) => queue.extend(v.depends_on.iter().cloned()),
                None if self.is_scoped(&at) => return Some(at),
                None => {}
            }
        }
        None
    }
}

/// Where a lint puts what it finds.
pub(super) struct Report {
    id: String,
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(id: String) -> Self {
        Self { id, findings: Vec::new() }
    }

    pub(super) fn add(
        &mut self,
        severity: Severity,
        object: impl ToString,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.findings.push(Finding {
            id: self.id.clone(),
            severity,
            object: object.to_string(),
            message: message.into(),
            remedy: remedy.into(),
            blocks: false,
            accepted: None,
        });
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}

/// One entry of an access list.
pub(super) struct Right {
    /// The role; empty for PUBLIC.
    pub(super) grantee: String,
    /// Letters, as the catalog writes them; grant options left out.
    pub(super) letters: String,
}

/// Reads an access list (`"app=arwd/owner"`); none stands for the built-in default.
pub(super) fn rights(acl: &Option<Vec<String>>) -> Vec<Right> {
    acl.iter().flatten().filter_map(|item| right(item)).collect()
}

fn right(item: &str) -> Option<Right> {
    let (grantee, rest) = match item.strip_prefix('"') {
        Some(quoted) => {
            let end = quoted.replace("\"\"", "__").find('"')?;
            (quoted[..end].replace("\"\"", "\""), &quoted[end + 1..])
        }
        None => item.split_once('=').map(|(g, _)| (g.to_owned(), &item[g.len()..]))?,
    };
    let letters = rest.strip_prefix('=')?.split('/').next()?.replace('*', "");
    Some(Right { grantee, letters })
}

/// `"a", "b"` as people read it.
pub(super) fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|i| i.to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_lists_are_read() {
        let read = rights(&Some(vec!["app=ar*wd/owner".into(), "=r/owner".into(), "\"odd \"\"role\"=D/owner".into()]));
        let pairs: Vec<(&str, &str)> = read.iter().map(|r| (r.grantee.as_str(), r.letters.as_str())).collect();
        assert_eq!(pairs, [("app", "arwd"), ("", "r"), ("odd \"role", "D")]);
    }
}
