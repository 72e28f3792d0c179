//! What must be known of the data before anything is changed: SQL that counts, and what each count means.
//!
//! A probe never returns a value of a row, only one number. `engine::survey` runs it.

use serde::{Deserialize, Serialize};
use tenantry_model::QualifiedName;

use crate::catalog::Catalog;
use crate::classify::Classification;
use crate::file::Severity;
use crate::registry::Registry;

/// One question to the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// Kind of question; the id of the finding it may lead to: `cross-tenant-row`.
    pub id: String,
    /// The table it is about.
    pub table: QualifiedName,
    /// The object in words, for the finding: `public.tasks(project_id)`.
    pub object: String,
    /// One statement that gives one row with one `bigint`: how many rows are affected. Zero is good.
    pub sql: String,
    /// What such rows mean; `{count}` stands for their number.
    pub meaning: String,
    /// What to do about them.
    pub remedy: String,
    /// How bad they are.
    pub severity: Severity,
    /// Isolation must not start while there are any.
    pub blocks: bool,
}

/// The probes for a classified database, in a fixed order.
pub fn probes(_catalog: &Catalog, _classification: &Classification, _registry: &Registry) -> Vec<Probe> {
    Vec::new()
}
