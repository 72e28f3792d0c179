//! Defaults of the command line that a project keeps beside its decisions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the command line takes where neither a flag nor the environment says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ToolEntry {
    /// The database. A password does not belong here: the file is read by many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_url: Option<String>,
    /// `human` or `json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The credentials file that `apply` writes and `verify` reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    /// Work with servers whose row-level security has known holes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_old_server: bool,
}

impl ToolEntry {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
