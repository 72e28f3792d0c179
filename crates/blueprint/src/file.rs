//! The blueprint: every step from the schema as it is to the isolated one, and back.

use serde::{Deserialize, Serialize};
use tenantry_model::{Ident, KeyKind, QualifiedName};

use crate::classify::{Class, Root};

/// Version of the file's format.
pub const FORMAT: u32 = 1;

/// The whole of `blueprint.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Blueprint {
    /// [`FORMAT`].
    pub format: u32,
    /// Version of the tenantry that wrote it.
    pub tool: String,
    /// Name of the database it was made for.
    pub database: String,
    /// Fingerprint of the catalog it was made for.
    pub fingerprint: String,
    /// Major version of the server it was made for, for example 15.
    pub server_major: u32,
    /// The root.
    pub root: Root,
    /// Type of the tenant key.
    pub key_kind: KeyKind,
    /// Type of the second level's key, if there is one.
    pub scope_kind: Option<KeyKind>,
    /// Roles it makes.
    pub roles: RoleNames,
    /// Protected tables, partitions included: what verify attacks.
    pub tables: Vec<ProtectedTable>,
    /// Steps in order. `complete` ones come after all `apply` ones.
    pub steps: Vec<Step>,
    /// What a person should know. Those that block keep apply from starting.
    pub findings: Vec<Finding>,
}

/// The database roles of one isolated database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleNames {
    /// Owns schema `tenantry`. NOLOGIN.
    pub keeper: Ident,
    /// Owns the application's tables after `complete`. NOLOGIN.
    pub owner: Ident,
    /// Group of the runtime logins. NOLOGIN.
    pub runtime: Ident,
    /// The runtime logins.
    pub slots: Vec<Ident>,
}

/// How rows of a table are bound to a tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Binding {
    /// By a column that holds the tenant key.
    Column {
        /// The column.
        column: Ident,
        /// Its type.
        kind: KeyKind,
        /// tenantry added it.
        added: bool,
        /// Rows with NULL here are readable by every tenant.
        null_is_shared: bool,
    },
    /// By a path of references that the policy walks.
    Path {
        /// Hops to a table that has the tenant column, or to the root.
        path: Vec<crate::classify::Hop>,
    },
}

/// A table under a tenant policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProtectedTable {
    /// The table or partition.
    pub table: QualifiedName,
    /// Its class (a partition has its parent's).
    pub class: Class,
    /// How its rows are bound.
    pub binding: Binding,
    /// The second level's column, if any.
    pub scope_column: Option<Ident>,
    /// A partition: policies but no grants.
    pub partition_of: Option<QualifiedName>,
    /// The runtime logins may write it.
    pub writable: bool,
    /// Primary key columns (empty if there is none).
    pub primary_key: Vec<Ident>,
}

/// When a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// With `apply`: old logins keep working.
    Apply,
    /// With `complete`: the old doors close.
    Complete,
}

/// How a step runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case")]
pub enum Run {
    /// In one transaction together with its journal entry; short lock waits, retried.
    Transaction,
    /// `CREATE INDEX CONCURRENTLY`: outside a transaction; an invalid leftover of this name is dropped first.
    ConcurrentIndex {
        /// The index it makes.
        index: QualifiedName,
    },
    /// `up[0]` is run per range of pages: `$1` and `$2` are the first `tid` and the one after the last.
    Backfill {
        /// The table filled.
        table: QualifiedName,
        /// The column filled: rows where it is NULL are left to do.
        column: Ident,
    },
    /// Made by the engine, because it is secret: passwords of the runtime logins and the first signing key.
    /// They go into the credentials file, never into a blueprint.
    Credentials,
}

/// The strongest lock a step takes on an application table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lock {
    /// None on any application table.
    None,
    /// ROW SHARE / ROW EXCLUSIVE: like ordinary writes.
    RowExclusive,
    /// SHARE UPDATE EXCLUSIVE: readers and writers go on.
    ShareUpdateExclusive,
    /// SHARE ROW EXCLUSIVE: writers wait, for moments.
    ShareRowExclusive,
    /// ACCESS EXCLUSIVE: everybody waits, for moments.
    AccessExclusive,
}

/// What a step does to the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Catalog only.
    Catalog,
    /// Reads every row once.
    Scan,
    /// Writes rows in small batches.
    Batches,
}

/// What a step will cost, from the statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Rows read or written.
    pub rows: i64,
    /// Bytes added to the database.
    pub bytes: i64,
    /// Seconds, from the rates measured in `bench/`.
    pub seconds: f64,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Unique in the blueprint and stable: `policies:public.Segment`.
    pub id: String,
    /// The kind of step, which is the name of its file in `steps/`: `policies`.
    pub kind: String,
    /// One line for people.
    pub title: String,
    /// The object it is about, as text; empty for the database as a whole.
    pub object: String,
    /// The table it works on, if any: a step whose table is gone is reported, and skipped on the way back.
    pub table: Option<QualifiedName>,
    /// When it runs.
    pub phase: Phase,
    /// How it runs.
    pub run: Run,
    /// Forward statements, each one statement.
    pub up: Vec<String>,
    /// Backward statements. Tolerant (`IF EXISTS`) where a half-done step leaves nothing.
    pub down: Vec<String>,
    /// Strongest lock.
    pub lock: Lock,
    /// What it does to rows.
    pub effect: Effect,
    /// What it costs.
    pub estimate: Estimate,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Low,
    /// Should be looked at.
    Medium,
    /// Leaks or breaks under some circumstances.
    High,
    /// Leaks.
    Critical,
}

/// A hazard found in a schema, or a question the registry must answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Name of the lint, which is the name of its file in `hazards/`: `unique-without-tenant`.
    pub id: String,
    /// How bad.
    pub severity: Severity,
    /// The object, as text.
    pub object: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
    /// Apply does not start while this stands.
    #[serde(default)]
    pub blocks: bool,
    /// The registry accepted it, with this reason.
    #[serde(default)]
    pub accepted: Option<String>,
}
