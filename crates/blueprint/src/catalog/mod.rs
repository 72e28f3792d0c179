//! A database's structure as a value. Read by `engine::inspect`, or built by a test.
//!
//! Every list is sorted by name, so that two reads of the same database are equal. Sizes, object ids and
//! statistics are carried along but are no part of the [`fingerprint`](Catalog::fingerprint).

mod fingerprint;
mod table;

use serde::{Deserialize, Serialize};
use tenantry_model::{Ident, QualifiedName};

pub use table::*;

/// Everything tenantry knows of one database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Catalog {
    /// Name of the database.
    pub database: String,
    /// `server_version_num`, for example 150020.
    pub server_version_num: u32,
    /// `server_version` as the server prints it, for example `15.20 (Debian 15.20-0+deb12u1)`.
    pub server_version: String,
    /// Schemas that hold, or may hold, objects of the application.
    pub schemas: Vec<Schema>,
    /// Tables, partitioned tables, partitions and foreign tables.
    pub tables: Vec<Table>,
    /// Views and materialized views.
    pub views: Vec<View>,
    /// Functions and procedures that belong to no extension.
    pub functions: Vec<Function>,
    /// Sequences, those of identity columns included.
    pub sequences: Vec<Sequence>,
    /// Enum types, by name.
    pub enums: Vec<QualifiedName>,
    /// Database roles, with memberships. Predefined `pg_*` roles appear only in `member_of`.
    pub roles: Vec<DbRole>,
    /// Installed extensions and their schema.
    pub extensions: Vec<Extension>,
    /// Publications of logical replication.
    pub publications: Vec<Publication>,
    /// Names of event triggers.
    pub event_triggers: Vec<String>,
    /// Rights on the database itself (`datacl`); `None` means the built-in default.
    pub database_acl: Option<Vec<String>>,
    /// Owner of the database.
    pub database_owner: Option<Ident>,
    /// Default privileges (`pg_default_acl`).
    pub default_acls: Vec<DefaultAcl>,
    /// Settings stored for a role or the database (`pg_db_role_setting`): role (`None` = all), then `name` only. Values are never read.
    pub stored_settings: Vec<StoredSetting>,
    /// Rights to set parameters (`pg_parameter_acl`, PostgreSQL 15 and later).
    pub parameter_acls: Vec<ParameterAcl>,
    /// Number of large objects in the database.
    pub large_objects: i64,
    /// Leakproof functions outside `pg_catalog`, as `regprocedure` text.
    pub leakproof_functions: Vec<String>,
}

impl Catalog {
    /// The table of this name.
    pub fn table(&self, name: &QualifiedName) -> Option<&Table> {
        self.tables.iter().find(|t| &t.name == name)
    }

    /// The direct partitions and inheritance children of a table.
    pub fn children<'a>(&'a self, parent: &'a QualifiedName) -> impl Iterator<Item = &'a Table> {
        self.tables.iter().filter(move |t| t.parents.contains(parent))
    }

    /// The role of this name.
    pub fn role(&self, name: &str) -> Option<&DbRole> {
        self.roles.iter().find(|r| r.name.as_str() == name)
    }
}

/// A schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// Its name.
    pub name: Ident,
    /// Its owner.
    pub owner: Ident,
    /// Rights (`nspacl`) in catalog order; `None` means the built-in default.
    #[serde(default)]
    pub acl: Option<Vec<String>>,
}

/// A view or materialized view. Its definition is not kept, only what it depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Its name.
    pub name: QualifiedName,
    /// Its owner, with whose rights it runs unless it is a security invoker.
    pub owner: Ident,
    /// Rights (`relacl`).
    #[serde(default)]
    pub acl: Option<Vec<String>>,
    /// True for a materialized view.
    #[serde(default)]
    pub materialized: bool,
    /// True if `security_invoker` is on.
    #[serde(default)]
    pub security_invoker: bool,
    /// True if `security_barrier` is on.
    #[serde(default)]
    pub security_barrier: bool,
    /// Column names, in order.
    #[serde(default)]
    pub columns: Vec<Ident>,
    /// Relations it reads directly: tables and views.
    #[serde(default)]
    pub depends_on: Vec<QualifiedName>,
}

/// A function or procedure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Its name.
    pub name: QualifiedName,
    /// Identity arguments, as `pg_get_function_identity_arguments` prints them.
    pub arguments: String,
    /// Its owner.
    pub owner: Ident,
    /// Rights (`proacl`); `None` means PUBLIC may execute it.
    #[serde(default)]
    pub acl: Option<Vec<String>>,
    /// Language.
    pub language: String,
    /// Result type as text; `trigger` for trigger functions.
    pub returns: String,
    /// `f` function, `p` procedure, `a` aggregate, `w` window.
    pub kind: char,
    /// True for SECURITY DEFINER.
    #[serde(default)]
    pub security_definer: bool,
    /// True for LEAKPROOF.
    #[serde(default)]
    pub leakproof: bool,
    /// `i`, `s` or `v`.
    pub volatility: char,
    /// The pinned `search_path` (`proconfig`), if any.
    #[serde(default)]
    pub search_path: Option<String>,
    /// SHA-256 of the body, in hexadecimal; the body itself is never kept.
    #[serde(default)]
    pub body_hash: String,
}

impl Function {
    /// The name SQL knows it by: `"schema"."name"(arguments)`.
    pub fn signature(&self) -> String {
        format!("{}({})", self.name.quoted(), self.arguments)
    }
}

/// A sequence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sequence {
    /// Its name.
    pub name: QualifiedName,
    /// Its owner.
    pub owner: Ident,
    /// Rights (`relacl`).
    #[serde(default)]
    pub acl: Option<Vec<String>>,
    /// The table and column it belongs to, if any.
    #[serde(default)]
    pub owned_by: Option<(QualifiedName, Ident)>,
}

/// A database role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DbRole {
    /// Its name.
    pub name: Ident,
    /// SUPERUSER.
    #[serde(default)]
    pub superuser: bool,
    /// BYPASSRLS.
    #[serde(default)]
    pub bypass_rls: bool,
    /// LOGIN.
    #[serde(default)]
    pub login: bool,
    /// CREATEROLE.
    #[serde(default)]
    pub create_role: bool,
    /// CREATEDB.
    #[serde(default)]
    pub create_db: bool,
    /// REPLICATION.
    #[serde(default)]
    pub replication: bool,
    /// INHERIT.
    #[serde(default)]
    pub inherit: bool,
    /// Roles it is a direct member of, `pg_*` roles included.
    #[serde(default)]
    pub member_of: Vec<Ident>,
}

/// An installed extension.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extension {
    /// Its name.
    pub name: String,
    /// The schema it lives in.
    pub schema: Ident,
    /// Its version.
    pub version: String,
}

/// A publication of logical replication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Publication {
    /// Its name.
    pub name: Ident,
    /// FOR ALL TABLES.
    #[serde(default)]
    pub all_tables: bool,
    /// Published tables, and whether each has a row filter.
    #[serde(default)]
    pub tables: Vec<(QualifiedName, bool)>,
}

/// A row of `pg_default_acl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DefaultAcl {
    /// The role whose new objects get these rights.
    pub role: Ident,
    /// The schema, or `None` for all.
    #[serde(default)]
    pub schema: Option<Ident>,
    /// `r` relation, `S` sequence, `f` function, `T` type, `n` schema.
    pub object_type: char,
    /// The rights.
    pub acl: Vec<String>,
}

/// The name of a setting stored with `ALTER ROLE/DATABASE … SET`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredSetting {
    /// The role, or `None` for every role.
    #[serde(default)]
    pub role: Option<Ident>,
    /// The setting's name. Its value may be a secret and is never read.
    pub name: String,
}

/// A row of `pg_parameter_acl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParameterAcl {
    /// The parameter.
    pub name: String,
    /// The rights.
    pub acl: Vec<String>,
}
