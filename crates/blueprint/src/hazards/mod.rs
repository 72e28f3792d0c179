//! What is dangerous in a schema, beside the classes of its tables: one lint a file.
//!
//! A lint reads the catalog and the classification and says what is wrong, and what to do. It changes
//! nothing. Each has a page in `docs/hazards/`. Findings the registry accepts stay in the list, marked.

use crate::catalog::Catalog;
use crate::classify::Classification;
use crate::file::Finding;
use crate::registry::Registry;

/// Every finding, worst first, then by lint and object.
pub fn find(_catalog: &Catalog, _classification: &Classification, _registry: &Registry) -> Vec<Finding> {
    Vec::new()
}
