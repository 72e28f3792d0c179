//! Makes a registry from what the rules found, and joins an existing one with new findings.

use super::{Registry, TableEntry};
use crate::classify::Classification;

impl Registry {
    /// A registry that says what the rules say, ready for review.
    pub fn from_classification(classification: &Classification) -> Self {
        let mut registry = Registry { format: 1, ..Registry::default() };
        for v in &classification.tables {
            registry.tables.insert(
                v.table.to_string(),
                TableEntry {
                    class: v.class,
                    column: v.column.as_ref().map(ToString::to_string),
                    scope_column: None,
                    path: Vec::new(),
                    null_tenant: None,
                    method: None,
                    access: None,
                    global_uniques: Default::default(),
                    reason: None,
                },
            );
        }
        registry
    }

    /// This registry, with an entry added for every table it does not know yet. Decisions are kept.
    pub fn merge(&self, classification: &Classification) -> Self {
        let mut merged = self.clone();
        for (name, entry) in Self::from_classification(classification).tables {
            merged.tables.entry(name).or_insert(entry);
        }
        merged
    }
}
