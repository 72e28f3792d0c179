//! The reviewed file that says what each table is (`tenantry.toml`). It wins over every rule.

mod accept;
mod check;
pub mod condition;
mod draft;
mod parse;
mod path;
mod render;
mod resource;
mod schema;
mod tool;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenantry_model::QualifiedName;

use crate::classify::{Class, NullTenant};

pub use parse::{FORMAT, ParseError};
pub use path::{hop_text, hops};
pub use resource::{MeasureWord, ResourceEntry};
pub use schema::json_schema;
pub use tool::ToolEntry;

/// The whole file. Names of tables are `schema.table` (parts with a dot in double quotes).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Registry {
    /// Version of the file's format: 1.
    pub format: u32,
    /// Where tenancy starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<RootEntry>,
    /// A second level inside the tenant (business unit).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeEntry>,
    /// Database roles to make. `{database}` stands for the database's name.
    pub roles: RoleEntries,
    /// One entry per table.
    pub tables: BTreeMap<String, TableEntry>,
    /// Views and materialized views with a decision, `schema.view`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub views: BTreeMap<String, ObjectEntry>,
    /// Functions with a decision, `schema.name(arguments)`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub functions: BTreeMap<String, ObjectEntry>,
    /// Look-ups that come before a tenant is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lookups: Vec<LookupEntry>,
    /// What is counted for each tenant, by name: what a quota is of.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: BTreeMap<String, ResourceEntry>,
    /// Findings that were reviewed and accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<AcceptEntry>,
    /// The SQL proxy that `tenantry serve` runs. It is no decision about tables, and is read there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<serde_json::Value>,
    /// What a change of a table drops from the cache (`crate::cache_rules`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<serde_json::Value>,
    /// The control plane that `tenantry serve` runs. It is no decision about tables either.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<serde_json::Value>,
    /// The HTTP gateway that `tenantry serve --roles gateway` runs. Read there, as the proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<serde_json::Value>,
    /// Defaults of the command line.
    #[serde(skip_serializing_if = "ToolEntry::is_empty")]
    pub tool: ToolEntry,
}

/// Where tenancy starts: a table with its key, or a column where there is no tenant table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RootEntry {
    /// `schema.table`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The key column; the primary key if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The tenant column, where there is no tenant table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The table does not exist yet: `plan --create-root` makes it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub create: bool,
    /// Column of the root that names the parent tenant, if tenants form a hierarchy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// The second level inside the tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScopeEntry {
    /// The table of that level, for example `public.business_units`.
    pub table: String,
    /// The column that carries it, for example `businessUnitId`.
    pub column: String,
}

/// Names of the database roles tenantry makes. They are cluster-wide, so each carries the database's name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RoleEntries {
    /// Owns schema `tenantry` and its functions. NOLOGIN.
    pub keeper: String,
    /// Owns the application's tables after `complete`. NOLOGIN.
    pub owner: String,
    /// Group of the runtime logins; holds the grants. NOLOGIN.
    pub runtime: String,
    /// Prefix of the runtime logins, one per pooled connection: `prefix01`, `prefix02`, …
    pub slot_prefix: String,
    /// How many runtime logins to make.
    pub slots: u16,
    /// Group of the control plane's logins: sets limits and reads usage. NOLOGIN. Made only where there are resources.
    pub quota: String,
    /// Existing roles that must keep working after `complete` (analysts, back-office), each with a reason. They meet the policies like everybody else.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub keep: BTreeMap<String, String>,
}

impl Default for RoleEntries {
    fn default() -> Self {
        Self {
            keeper: "{database}_tenantry".into(),
            owner: "{database}_owner".into(),
            runtime: "{database}_rt".into(),
            slot_prefix: "{database}_slot_".into(),
            slots: 10,
            quota: "{database}_quota".into(),
            keep: BTreeMap::new(),
        }
    }
}

/// How an indirect table gets its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Add a tenant column, fill it, keep it filled.
    Column,
    /// No new column; the policy walks the path.
    Policy,
}

/// What the runtime logins may do with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// SELECT, INSERT, UPDATE, DELETE.
    Write,
    /// SELECT.
    Read,
    /// Nothing.
    None,
}

/// One table's decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableEntry {
    /// What it is.
    pub class: Class,
    /// The tenant column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The second level's column, if it is not the scope's default one; empty string for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope_column: Option<String>,
    /// The path to the tenant where rules cannot find it: `"column -> schema.table(column)"` hop by hop,
    /// `"column <- schema.table(column)"` for a reverse hop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<String>,
    /// What NULL means in the tenant column or on the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub null_tenant: Option<NullTenant>,
    /// How an indirect table gets its tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// What the runtime logins may do; by default write for scoped tables, read for shared ones, none for system ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// Unique constraints and indexes that stay global, each with the reason (login e-mail, unguessable token).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub global_uniques: BTreeMap<String, String>,
    /// Why this differs from what the rules say. Needed wherever it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A view, materialized view or function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectEntry {
    /// What the runtime logins may do with it: `write` means EXECUTE for a function.
    pub access: Access,
    /// Why.
    pub reason: String,
}

/// A look-up that comes before a tenant is known: an API key, a login, a domain.
/// It becomes `tenantry.lookup_<name>(…)`, which returns the listed columns of the one row that matches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupEntry {
    /// Its name: lower case letters, digits, underscores.
    pub name: String,
    /// The table it looks in.
    pub table: String,
    /// Columns that must all match; together they must be unique.
    pub r#match: Vec<String>,
    /// Columns it returns. Never more than the caller needs.
    pub returns: Vec<String>,
    /// Why the application needs it.
    pub reason: String,
}

/// A finding that was reviewed and accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptEntry {
    /// Id of the hazard or check: `unique-without-tenant`, `P-51`.
    pub id: String,
    /// The object, as the finding names it; `*` for all.
    pub object: String,
    /// Why.
    pub reason: String,
}

impl Registry {
    /// The entry of a table.
    pub fn table(&self, name: &QualifiedName) -> Option<&TableEntry> {
        self.tables.get(&name.to_string())
    }
}
