//! What each table is: the tenant root, the tables that carry the tenant, those that reach it, and the rest.
//!
//! One rule a file; each gives evidence, never a verdict alone. Where the evidence does not settle it, the
//! class is [`Class::Unknown`] with the question a person must answer. The registry wins over every rule.

mod auth;
mod bookkeeping;
mod decide;
mod facts;
mod membership;
mod nullable;
mod people;
mod protection;
mod references;
mod registered;
mod root;
mod rules;
mod words;

use serde::{Deserialize, Serialize};
use tenantry_model::{Ident, KeyKind, QualifiedName};

pub(crate) use references::kind_beside;

use crate::catalog::Catalog;
use crate::registry::Registry;

/// The class of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The tenant table.
    Root,
    /// Has the tenant column.
    Direct,
    /// Reaches the tenant by references.
    Indirect,
    /// Joins people (or groups) to tenants.
    Membership,
    /// Reference data of all tenants, identities, settings of the installation.
    Shared,
    /// Migration bookkeeping, job queues and the like.
    System,
    /// A person must decide.
    Unknown,
}

impl Class {
    /// Rows of such a table belong to one tenant.
    pub fn is_scoped(self) -> bool {
        matches!(self, Self::Root | Self::Direct | Self::Indirect | Self::Membership)
    }
}

/// What a NULL in a tenant column (or on the path to it) means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NullTenant {
    /// Provided by the installation: every tenant reads such rows, none writes them.
    Shared,
    /// Belongs to a person, not to a tenant: invisible under a tenant context.
    Personal,
    /// The schema allows NULL, the application never writes it: becomes NOT NULL.
    Never,
    /// Left behind by SET NULL: invisible, and listed for clean-up.
    Orphan,
}

/// One hop of the path from a row to its tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// Columns of the table this hop starts from (for a reverse hop: of the referencing table).
    pub columns: Vec<Ident>,
    /// The table this hop arrives at.
    pub references: QualifiedName,
    /// Columns there.
    pub referenced_columns: Vec<Ident>,
    /// A declared foreign key stands behind it.
    pub enforced: bool,
    /// A column of the hop may be NULL.
    #[serde(default)]
    pub nullable: bool,
    /// Owned through an incoming reference: `references.referenced_columns` point at `columns` here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reverse: bool,
}

/// What was found out about one table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The table.
    pub table: QualifiedName,
    /// Its class.
    pub class: Class,
    /// The tenant column, for `direct` and (mostly) `membership`.
    pub column: Option<Ident>,
    /// The second level's column (business unit), if the registry names a scope and the table has it.
    pub scope_column: Option<Ident>,
    /// Hops to the root or to a `direct` table, for `indirect` (and `membership` without a column).
    pub path: Vec<Hop>,
    /// The tenant column or a hop may be NULL.
    pub nullable: bool,
    /// 0 to 1.
    pub confidence: f64,
    /// Why, in words for people.
    pub reasons: Vec<String>,
    /// For `unknown`, and for a nullable tenant whose meaning is not settled: what a person must say.
    pub question: Option<String>,
    /// Decided by the registry.
    pub registered: bool,
    /// Row-level security with a restrictive tenant policy already stands on it.
    pub protected: bool,
}

/// Where tenancy starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Root {
    /// The tenant table; `None` where tenancy is only a column, or where there is none yet.
    pub table: Option<QualifiedName>,
    /// Its key columns (one, in practice).
    pub key: Vec<Ident>,
    /// The tenant column's name where there is no tenant table.
    pub column: Option<Ident>,
    /// Type of the tenant key; `None` if there is no tenancy.
    pub kind: Option<KeyKind>,
    /// 0 to 1.
    pub confidence: f64,
    /// Why.
    pub reasons: Vec<String>,
    /// Other tables that could be the root, best first, with what speaks for them.
    pub alternatives: Vec<(QualifiedName, String)>,
    /// If it is not certain: what a person must say.
    pub question: Option<String>,
}

/// The classified database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// The root.
    pub root: Root,
    /// One verdict per table (partitions left out: they follow their parent), by name.
    pub tables: Vec<Verdict>,
}

impl Classification {
    /// The verdict on a table.
    pub fn verdict(&self, table: &QualifiedName) -> Option<&Verdict> {
        self.tables.iter().find(|v| &v.table == table)
    }
}

/// Finds the root and the class of every table. The registry's entries win over every rule.
pub fn classify(catalog: &Catalog, registry: &Registry) -> Classification {
    decide::run(catalog, registry)
}
