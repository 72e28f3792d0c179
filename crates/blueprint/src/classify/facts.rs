//! The catalog as the rules see it: names taken apart, references declared and implied, who the people are.

use std::collections::BTreeMap;

use tenantry_model::{Ident, QualifiedName};

use super::people;
use super::references::{self, Reference};
use super::words;
use crate::catalog::{Catalog, Column, Table, TableKind};

/// A catalog prepared for the rules. Tables are numbers here, in the catalog's order; partitions are left out.
pub(super) struct Facts<'a> {
    /// The tables.
    pub(super) tables: Vec<&'a Table>,
    /// Stems of each table's name, without a prefix that (nearly) every table has.
    pub(super) names: Vec<Vec<String>>,
    /// Stems of each table's name, prefix and all.
    pub(super) full_names: Vec<Vec<String>>,
    /// References that start at each table, declared ones first.
    pub(super) references: Vec<Vec<Reference>>,
    /// References that arrive at each table: (table, position in its references).
    pub(super) incoming: Vec<Vec<(usize, usize)>>,
    /// Tables of people who log in, and their one-to-one extensions.
    pub(super) people: Vec<bool>,
    /// The schema leaves keys and NOT NULL to the application: a column that may be NULL says nothing.
    pub(super) lax: bool,
}

impl<'a> Facts<'a> {
    /// Prepares a catalog.
    pub(super) fn new(catalog: &'a Catalog) -> Self {
        let tables: Vec<&Table> = catalog.tables.iter().filter(|t| t.kind != TableKind::Partition).collect();
        let full_names: Vec<Vec<String>> = tables.iter().map(|t| words::stems(t.name.name.as_str())).collect();
        let names = without_common_prefix(&full_names);
        let places = places(catalog, &tables);
        let references = references::find(&tables, &names, &full_names, &places);
        let mut incoming = vec![Vec::new(); tables.len()];
        for (from, list) in references.iter().enumerate() {
            for (n, r) in list.iter().enumerate() {
                incoming[r.target].push((from, n));
            }
        }
        let lax = is_lax(&references);
        let mut facts = Self { tables, names, full_names, references, incoming, people: Vec::new(), lax };
        facts.people = people::find(&facts);
        facts
    }

    /// The number of a table.
    pub(super) fn position(&self, name: &QualifiedName) -> Option<usize> {
        self.tables.iter().position(|t| &t.name == name)
    }

    /// A column by name.
    pub(super) fn column(&self, table: usize, name: &Ident) -> Option<&'a Column> {
        self.tables[table].columns.iter().find(|c| &c.name == name)
    }

    /// True if one of the words of the table's name is in the list. A long word also counts at the border of a
    /// name written without borders (`instancesetting`).
    pub(super) fn has_word(&self, table: usize, list: &[&str]) -> bool {
        self.names[table].iter().any(|w| {
            list.iter().any(|l| w == l || l.len() >= 6 && w.len() > l.len() && (w.starts_with(l) || w.ends_with(l)))
        })
    }

    /// True if the table has a column whose stems, written together, are one of these.
    pub(super) fn has_column(&self, table: usize, list: &[&str]) -> bool {
        self.tables[table]
            .columns
            .iter()
            .any(|c| list.contains(&words::squashed(&words::stems(c.name.as_str())).as_str()))
    }

    /// Columns that are neither keys, references, times nor counters: what a row says for itself.
    pub(super) fn payload(&self, table: usize) -> usize {
        let t = self.tables[table];
        let referring: Vec<&Ident> = self.references[table].iter().flat_map(|r| &r.columns).collect();
        t.columns
            .iter()
            .filter(|c| {
                let name = words::squashed(&words::stems(c.name.as_str()));
                let key = ["id", "uuid", "pk"].contains(&name.as_str());
                let time = c.data_type.starts_with("timestamp") || c.data_type == "date" || c.data_type == "boolean";
                !(key || time || referring.contains(&&c.name))
            })
            .count()
    }

    /// True if the columns are unique here, alone.
    pub(super) fn is_unique(&self, table: usize, columns: &[Ident]) -> bool {
        self.tables[table].is_unique(columns)
    }
}

/// Hardly a foreign key, and most references may be NULL.
fn is_lax(references: &[Vec<Reference>]) -> bool {
    let all = references.iter().flatten().count();
    let declared = references.iter().flatten().filter(|r| r.enforced).count();
    let nullable = references.iter().flatten().filter(|r| r.nullable).count();
    all >= 5 && declared * 10 < all && nullable * 10 > all * 6
}

/// Table by name; a partition's name leads to its topmost parent.
fn places(catalog: &Catalog, tables: &[&Table]) -> BTreeMap<QualifiedName, usize> {
    let mut places: BTreeMap<QualifiedName, usize> =
        tables.iter().enumerate().map(|(n, t)| (t.name.clone(), n)).collect();
    for partition in catalog.tables.iter().filter(|t| t.kind == TableKind::Partition) {
        let mut at = partition;
        while let Some(parent) = at.parents.first().and_then(|p| catalog.table(p)) {
            at = parent;
            if at.kind != TableKind::Partition {
                break;
            }
        }
        if let Some(&n) = places.get(&at.name) {
            places.insert(partition.name.clone(), n);
        }
    }
    places
}

/// Takes off a first word that at least six of ten tables share (`app_users`, `app_teams`).
fn without_common_prefix(names: &[Vec<String>]) -> Vec<Vec<String>> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for first in names.iter().filter(|n| n.len() > 1).filter_map(|n| n.first()) {
        *counts.entry(first).or_default() += 1;
    }
    let common =
        counts.into_iter().find(|(_, n)| names.len() >= 4 && n * 10 >= names.len() * 6).map(|(w, _)| w.to_owned());
    let prefixes = ["app", "tbl", "tb", "t", "core"];
    let generic: Vec<&str> = prefixes
        .into_iter()
        .filter(|p| names.iter().filter(|n| n.len() > 1 && n.first().is_some_and(|f| f == p)).count() >= 3)
        .collect();
    names
        .iter()
        .map(|n| match n.split_last() {
            // `tag_entity` and `TagModel` are the tag
            Some((last, rest)) if !rest.is_empty() && matches!(last.as_str(), "entity" | "model" | "tbl" | "table") => {
                rest
            }
            _ => n.as_slice(),
        })
        .map(|n| match (n.split_first(), &common) {
            (Some((first, rest)), Some(c)) if first == c && !rest.is_empty() => rest.to_vec(),
            (Some((first, rest)), _) if generic.contains(&first.as_str()) && !rest.is_empty() => rest.to_vec(),
            _ => n.to_vec(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(names: &[&str]) -> Vec<Vec<String>> {
        names.iter().map(|n| words::stems(n)).collect()
    }

    #[test]
    fn a_prefix_that_nearly_all_share_is_taken_off() {
        let names = stems(&["acme_users", "acme_teams", "acme_posts", "acme_tags", "schema_migrations"]);
        let bare = without_common_prefix(&names);
        assert_eq!(bare[1], ["team"]);
        assert_eq!(bare[4], ["schema", "migration"]);
    }

    #[test]
    fn a_prefix_of_a_few_stays() {
        let names = stems(&["user_roles", "user_tokens", "teams", "posts", "tags", "notes"]);
        assert_eq!(without_common_prefix(&names)[0], ["user", "role"]);
    }
}
