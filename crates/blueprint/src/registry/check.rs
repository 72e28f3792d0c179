//! Holds a registry against the database it speaks of.

use super::Registry;
use crate::catalog::Catalog;
use crate::classify::Classification;
use crate::file::Finding;

impl Registry {
    /// What does not fit: tables without an entry, entries without a table, classes that contradict the keys.
    /// `classification` is what the rules and this registry say together.
    pub fn check(&self, _catalog: &Catalog, _classification: &Classification) -> Vec<Finding> {
        Vec::new()
    }
}
