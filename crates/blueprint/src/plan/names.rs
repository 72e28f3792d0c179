//! Names for new objects that nothing else has.

use std::collections::BTreeSet;

use tenantry_model::{Ident, QualifiedName};

use crate::catalog::{Catalog, Table};

/// Every name in use, and those given out.
pub(super) struct Names {
    relations: BTreeSet<QualifiedName>,
}

impl Names {
    /// Collects the names of tables, views, sequences and indexes, which share one space per schema.
    pub(super) fn new(catalog: &Catalog) -> Self {
        let mut relations: BTreeSet<QualifiedName> = BTreeSet::new();
        for t in &catalog.tables {
            relations.insert(t.name.clone());
            relations.extend(t.indexes.iter().map(|i| QualifiedName::new(t.name.schema.clone(), i.name.clone())));
        }
        relations.extend(catalog.views.iter().map(|v| v.name.clone()));
        relations.extend(catalog.sequences.iter().map(|s| s.name.clone()));
        Self { relations }
    }

    /// A free name for a relation beside this table.
    pub(super) fn relation(&mut self, table: &QualifiedName, stem: &str, suffix: &str) -> Ident {
        let mut n = 1;
        loop {
            let name = numbered(stem, suffix, n);
            if self.relations.insert(QualifiedName::new(table.schema.clone(), name.clone())) {
                return name;
            }
            n += 1;
        }
    }
}

/// A free name for a constraint on this table, and on its partitions, which get it too.
pub(super) fn constraint<'a>(tables: impl Iterator<Item = &'a Table> + Clone, stem: &str, suffix: &str) -> Ident {
    let mut n = 1;
    loop {
        let name = numbered(stem, suffix, n);
        if !tables.clone().any(|t| has_constraint(t, &name)) {
            return name;
        }
        n += 1;
    }
}

fn has_constraint(table: &Table, name: &Ident) -> bool {
    table.primary_key.iter().chain(&table.uniques).any(|k| &k.name == name)
        || table.foreign_keys.iter().any(|k| &k.name == name)
        || table.checks.iter().chain(&table.exclusions).any(|c| &c.name == name)
}

fn numbered(stem: &str, suffix: &str, n: u32) -> Ident {
    Ident::composed("", stem, &if n == 1 { suffix.to_owned() } else { format!("{suffix}{n}") })
}
