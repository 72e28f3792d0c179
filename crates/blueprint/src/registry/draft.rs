//! Makes a registry from what the rules found, and joins an existing one with new findings.

use super::{Registry, RootEntry, TableEntry, path};
use crate::classify::{Classification, Verdict};

impl Registry {
    /// A registry that says what the rules say, ready for review. Unknown tables stay unknown.
    pub fn from_classification(found: &Classification) -> Self {
        let root = &found.root;
        Registry {
            format: super::parse::FORMAT,
            root: (root.table.is_some() || root.column.is_some()).then(|| RootEntry {
                table: root.table.as_ref().map(ToString::to_string),
                key: root.key.first().map(ToString::to_string).filter(|_| root.table.is_some()),
                column: root.column.as_ref().map(ToString::to_string),
                ..RootEntry::default()
            }),
            tables: found.tables.iter().map(|v| (v.table.to_string(), entry(v))).collect(),
            ..Registry::default()
        }
    }

    /// This registry, with an entry added for every table it does not know yet. Decisions are kept, and so are
    /// entries of tables that are gone: `check` reports those.
    pub fn merge(&self, found: &Classification) -> Self {
        let draft = Self::from_classification(found);
        let mut merged = self.clone();
        merged.format = draft.format;
        if merged.root.is_none() {
            merged.root = draft.root;
        }
        for (name, entry) in draft.tables {
            merged.tables.entry(name).or_insert(entry);
        }
        merged
    }
}

fn entry(v: &Verdict) -> TableEntry {
    TableEntry {
        class: v.class,
        column: v.column.as_ref().map(ToString::to_string),
        scope_column: None,
        // a declared foreign key is found again; a path that only names imply is written down for review
        path: if v.path.iter().all(|h| h.enforced && !h.reverse) {
            Vec::new()
        } else {
            v.path.iter().map(path::hop_text).collect()
        },
        null_tenant: None,
        method: None,
        access: None,
        global_uniques: Default::default(),
        reason: None,
    }
}
