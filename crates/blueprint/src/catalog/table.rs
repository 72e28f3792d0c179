//! Tables and what belongs to them.

use serde::{Deserialize, Serialize};
use tenantry_model::{Ident, KeyKind, QualifiedName};

/// What kind of relation a table is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableKind {
    /// An ordinary table.
    #[default]
    Table,
    /// The parent of partitions.
    Partitioned,
    /// A partition (it may be partitioned again: then `partition_key` is set).
    Partition,
    /// A foreign table.
    Foreign,
}

/// A table, partitioned table, partition or foreign table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: QualifiedName,
    /// Its object id; 0 in catalogs that were not read from a server. No part of the fingerprint.
    #[serde(default)]
    pub oid: u32,
    /// Kind of relation.
    #[serde(default)]
    pub kind: TableKind,
    /// Its owner.
    pub owner: Ident,
    /// Rights (`relacl`) in catalog order, as `aclitem` text; `None` means the built-in default.
    #[serde(default)]
    pub acl: Option<Vec<String>>,
    /// The partitioned table it is a partition of, or the tables it inherits from.
    #[serde(default)]
    pub parents: Vec<QualifiedName>,
    /// Partition key of a partitioned table, as `pg_get_partkeydef` prints it.
    #[serde(default)]
    pub partition_key: Option<String>,
    /// Bound of a partition.
    #[serde(default)]
    pub partition_bound: Option<String>,
    /// UNLOGGED.
    #[serde(default)]
    pub unlogged: bool,
    /// Columns in order.
    pub columns: Vec<Column>,
    /// Number of column slots in use, dropped ones included (the server's limit is 1600). 0 if unknown.
    #[serde(default)]
    pub column_slots: u16,
    /// Primary key.
    #[serde(default)]
    pub primary_key: Option<Key>,
    /// UNIQUE constraints (not bare unique indexes).
    #[serde(default)]
    pub uniques: Vec<Key>,
    /// Foreign keys that start here.
    #[serde(default)]
    pub foreign_keys: Vec<ForeignKey>,
    /// CHECK constraints.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// Exclusion constraints.
    #[serde(default)]
    pub exclusions: Vec<Check>,
    /// All indexes, those behind constraints included.
    #[serde(default)]
    pub indexes: Vec<Index>,
    /// Triggers, internal ones left out.
    #[serde(default)]
    pub triggers: Vec<Trigger>,
    /// Rewrite rules other than views'.
    #[serde(default)]
    pub rules: Vec<String>,
    /// Row-level security is enabled.
    #[serde(default)]
    pub rls_enabled: bool,
    /// Row-level security is forced on the owner too.
    #[serde(default)]
    pub rls_forced: bool,
    /// Policies.
    #[serde(default)]
    pub policies: Vec<Policy>,
    /// `d` default, `n` nothing, `f` full, `i` index.
    #[serde(default = "default_identity")]
    pub replica_identity: char,
    /// Size as the statistics know it. No part of the fingerprint.
    #[serde(default)]
    pub size: Size,
}

fn default_identity() -> char {
    'd'
}

impl Table {
    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name.as_str() == name)
    }

    /// True if `columns`, in any order, are unique by the primary key, a constraint or a full, plain unique index.
    pub fn is_unique(&self, columns: &[Ident]) -> bool {
        let same = |key: &[Ident]| key.len() == columns.len() && columns.iter().all(|c| key.contains(c));
        self.primary_key.iter().chain(&self.uniques).any(|k| same(&k.columns))
            || self
                .indexes
                .iter()
                .any(|i| i.unique && i.valid && i.predicate.is_none() && i.plain_columns().is_some_and(|c| same(&c)))
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: Ident,
    /// Its type as `format_type` prints it.
    #[serde(rename = "type")]
    pub data_type: String,
    /// NOT NULL.
    #[serde(default)]
    pub not_null: bool,
    /// Default expression, if any (the expression itself for a generated column).
    #[serde(default)]
    pub default: Option<String>,
    /// `a` always, `d` by default.
    #[serde(default)]
    pub identity: Option<char>,
    /// A stored generated column.
    #[serde(default)]
    pub generated: bool,
    /// Collation other than the type's default.
    #[serde(default)]
    pub collation: Option<String>,
    /// False for a nondeterministic collation.
    #[serde(default = "yes")]
    pub collation_deterministic: bool,
    /// Rights on the column alone (`attacl`) in catalog order; `None` means none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acl: Option<Vec<String>>,
    /// Comment on the column.
    #[serde(default)]
    pub comment: Option<String>,
    /// Fraction of NULLs (0 to 1), if the statistics know it and the reader may see them. No part of the fingerprint.
    #[serde(default)]
    pub null_fraction: Option<f32>,
    /// Estimated number of distinct values, as `pg_stats.n_distinct` (negative = fraction of rows). No part of the fingerprint.
    #[serde(default)]
    pub distinct: Option<f32>,
}

fn yes() -> bool {
    true
}

impl Column {
    /// What tenant key this column could hold.
    pub fn key_kind(&self) -> Option<KeyKind> {
        KeyKind::of_type(&self.data_type)
    }
}

/// A primary key or unique constraint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// Name of the constraint.
    pub name: Ident,
    /// Its columns in order.
    pub columns: Vec<Ident>,
    /// DEFERRABLE.
    #[serde(default)]
    pub deferrable: bool,
    /// INITIALLY DEFERRED.
    #[serde(default)]
    pub deferred: bool,
    /// NULLS NOT DISTINCT.
    #[serde(default)]
    pub nulls_not_distinct: bool,
    /// `pg_get_constraintdef`.
    #[serde(default)]
    pub definition: String,
    /// COMMENT ON it, to be put back if it is ever replaced and restored.
    #[serde(default)]
    pub comment: Option<String>,
    /// It comes from the parent of a partition or child table and cannot be changed here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherited: bool,
    /// WITHOUT OVERLAPS or PERIOD (PostgreSQL 18): the last column is a range.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub period: bool,
}

/// What a foreign key does when its parent row goes or changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// NO ACTION
    #[default]
    NoAction,
    /// RESTRICT
    Restrict,
    /// CASCADE
    Cascade,
    /// SET NULL
    SetNull,
    /// SET DEFAULT
    SetDefault,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// Name of the constraint.
    pub name: Ident,
    /// Its columns in order.
    pub columns: Vec<Ident>,
    /// The referenced table.
    pub references: QualifiedName,
    /// The referenced columns in the order of `columns`.
    pub referenced_columns: Vec<Ident>,
    /// ON DELETE.
    #[serde(default)]
    pub on_delete: Action,
    /// The columns of ON DELETE SET NULL/DEFAULT, if only some.
    #[serde(default)]
    pub on_delete_columns: Vec<Ident>,
    /// ON UPDATE.
    #[serde(default)]
    pub on_update: Action,
    /// MATCH FULL.
    #[serde(default)]
    pub match_full: bool,
    /// DEFERRABLE.
    #[serde(default)]
    pub deferrable: bool,
    /// INITIALLY DEFERRED.
    #[serde(default)]
    pub deferred: bool,
    /// Checked against every existing row.
    #[serde(default = "yes")]
    pub validated: bool,
    /// `pg_get_constraintdef`.
    #[serde(default)]
    pub definition: String,
    /// COMMENT ON it, to be put back if it is ever replaced and restored.
    #[serde(default)]
    pub comment: Option<String>,
    /// It comes from the parent of a partition or child table and cannot be changed here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherited: bool,
    /// WITHOUT OVERLAPS or PERIOD (PostgreSQL 18): the last column is a range.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub period: bool,
}

/// A CHECK or exclusion constraint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Name of the constraint.
    pub name: Ident,
    /// `pg_get_constraintdef`.
    pub definition: String,
    /// Columns it mentions, in attribute order.
    #[serde(default)]
    pub columns: Vec<Ident>,
    /// Checked against every existing row.
    #[serde(default = "yes")]
    pub validated: bool,
    /// It comes from the parent of a partition or child table and cannot be changed here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherited: bool,
}

/// An index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// Its name (in the schema of its table).
    pub name: Ident,
    /// Key columns in order: a plain column, or an expression.
    pub keys: Vec<IndexKey>,
    /// INCLUDE columns.
    #[serde(default)]
    pub include: Vec<Ident>,
    /// Access method: `btree`, `gin`, …
    pub method: String,
    /// Unique.
    #[serde(default)]
    pub unique: bool,
    /// NULLS NOT DISTINCT.
    #[serde(default)]
    pub nulls_not_distinct: bool,
    /// Stands behind a primary key, unique or exclusion constraint.
    #[serde(default)]
    pub of_constraint: bool,
    /// Usable (`indisvalid`).
    #[serde(default = "yes")]
    pub valid: bool,
    /// WHERE of a partial index.
    #[serde(default)]
    pub predicate: Option<String>,
    /// `pg_get_indexdef`.
    #[serde(default)]
    pub definition: String,
    /// The table was last clustered on it.
    #[serde(default)]
    pub clustered: bool,
    /// COMMENT ON it.
    #[serde(default)]
    pub comment: Option<String>,
    /// Size in bytes. No part of the fingerprint.
    #[serde(default)]
    pub bytes: i64,
    /// Equality and ordering operators of every key column are leakproof. `None` if not looked up.
    #[serde(default)]
    pub leakproof: Option<bool>,
    /// It is the part of a partitioned index of the parent and cannot be dropped alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherited: bool,
}

impl Index {
    /// The key columns if none is an expression.
    pub fn plain_columns(&self) -> Option<Vec<Ident>> {
        self.keys.iter().map(|k| k.column.clone()).collect()
    }
}

/// One key column of an index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndexKey {
    /// The column, or `None` for an expression.
    #[serde(default)]
    pub column: Option<Ident>,
    /// `pg_get_indexdef(index, n, true)`: the column or expression as SQL.
    pub sql: String,
    /// DESC.
    #[serde(default)]
    pub descending: bool,
}

/// A trigger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// Its name.
    pub name: Ident,
    /// The function it runs.
    pub function: QualifiedName,
    /// `pg_get_triggerdef`.
    pub definition: String,
    /// `O` origin, `D` disabled, `R` replica, `A` always.
    pub enabled: char,
    /// FOR EACH ROW.
    #[serde(default)]
    pub row: bool,
    /// It comes from the parent of a partition or child table and cannot be changed here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherited: bool,
}

/// A row-level policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name.
    pub name: Ident,
    /// PERMISSIVE (true) or RESTRICTIVE (false).
    pub permissive: bool,
    /// `*` all, `r` SELECT, `a` INSERT, `w` UPDATE, `d` DELETE.
    pub command: char,
    /// Roles; `public` for PUBLIC.
    pub roles: Vec<String>,
    /// USING.
    #[serde(default)]
    pub using: Option<String>,
    /// WITH CHECK.
    #[serde(default)]
    pub check: Option<String>,
}

/// How big a table is, as the statistics know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Size {
    /// Estimated rows (`reltuples`; -1 if never analysed).
    pub rows: i64,
    /// Bytes of the heap and TOAST.
    pub bytes: i64,
    /// Bytes of all indexes.
    pub index_bytes: i64,
    /// Pages of the heap (`relpages`).
    pub pages: i64,
}
