//! What a blueprint says of a resource: for whoever checks or attacks its guards later.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenantry_model::{Ident, QualifiedName};

/// A resource that is counted for each tenant, and what guards it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CountedResource {
    /// Its name.
    pub name: String,
    /// The table.
    pub table: QualifiedName,
    /// Its tenant column.
    pub tenant: Ident,
    /// `rows`, `sum` or `monthly`.
    pub measure: String,
    /// The column that is summed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<Ident>,
    /// The condition, as SQL over `tenantry_row`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// How a row is thrown away softly and brought back, where the condition says so plainly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft: Option<SoftDelete>,
    /// Every relation under guard, with the triggers on it.
    pub guards: BTreeMap<String, Vec<Ident>>,
}

/// A column whose value decides alone whether a row is counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SoftDelete {
    /// The column.
    pub column: Ident,
    /// Its value in a row that was thrown away, as SQL.
    pub away: String,
    /// Its value in a row that counts, as SQL.
    pub back: String,
}
