//! Every decision of a plan, before any SQL: what each table is bound by, which keys change, what stays and why.
//!
//! The steps render this and decide nothing; the survey's probes ask the data about it.

use tenantry_model::{Ident, KeyKind, QualifiedName};

use crate::catalog::{Catalog, Function, Index, Table, View};
use crate::classify::{Class, Hop};
use crate::ddl::constraint::NewForeignKey;
use crate::ddl::index::NewIndex;
use crate::ddl::path::Way;
use crate::file::{Finding, RoleNames};
use crate::registry::{Access, Registry};

/// Name of a tenant column that tenantry adds. It is none an application would use, so no query of the application
/// becomes ambiguous by it.
pub(crate) const ADDED_COLUMN: &str = "tenantry_tenant_id";

/// Everything that was decided.
pub(crate) struct Design<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) registry: &'a Registry,
    pub(crate) roles: RoleNames,
    pub(crate) root: RootDesign,
    /// Type of the tenant key.
    pub(crate) kind: KeyKind,
    /// Type of the second level's key.
    pub(crate) scope_kind: Option<KeyKind>,
    /// Every table but partitions, by name.
    pub(crate) tables: Vec<TableDesign<'a>>,
    pub(crate) references: Vec<Reference<'a>>,
    /// Foreign keys of new tenant columns to a new tenant table.
    pub(crate) tenant_keys: Vec<(QualifiedName, NewForeignKey)>,
    pub(crate) uniques: Vec<UniqueDesign<'a>>,
    pub(crate) indexes: Vec<IndexDesign<'a>>,
    pub(crate) lookups: Vec<LookupDesign<'a>>,
    pub(crate) resources: Vec<ResourceDesign>,
    pub(crate) views: Vec<ViewDesign<'a>>,
    pub(crate) functions: Vec<FunctionDesign<'a>>,
    /// Roles that use this database today, ours and superusers left out.
    pub(crate) existing_roles: Vec<Ident>,
    /// Existing roles that keep working after `complete`.
    pub(crate) kept_roles: Vec<Ident>,
    pub(crate) findings: Vec<Finding>,
}

/// Where tenancy starts.
pub(crate) struct RootDesign {
    pub(crate) table: Option<QualifiedName>,
    pub(crate) key: Option<Ident>,
    /// tenantry makes it, with this key of the tenant that owns every existing row.
    pub(crate) created: Option<String>,
}

/// One table.
pub(crate) struct TableDesign<'a> {
    pub(crate) table: &'a Table,
    pub(crate) class: Class,
    pub(crate) access: Access,
    /// `None` for tables without a tenant, and for those a finding blocks.
    pub(crate) bound: Option<Bound>,
    /// The second level.
    pub(crate) scope: Option<(Ident, KeyKind)>,
    /// Partitions at any depth, parents before their children.
    pub(crate) partitions: Vec<&'a Table>,
    /// Policies of the application stay in force inside the tenant: no permissive policy of ours.
    pub(crate) own_rules: bool,
    /// The column comes with that of an inheritance parent.
    pub(crate) inherits_column: bool,
}

/// How rows are bound to their tenant.
#[derive(Clone, Debug)]
pub(crate) enum Bound {
    Column(ColumnBound),
    Path { way: Way, nulls: Nulls },
}

/// Bound by a column.
#[derive(Clone, Debug)]
pub(crate) struct ColumnBound {
    pub(crate) column: Ident,
    pub(crate) kind: KeyKind,
    pub(crate) data_type: String,
    /// tenantry adds the column, and fills it like this.
    pub(crate) fill: Option<Fill>,
    pub(crate) nulls: Nulls,
}

/// How an added column is filled.
#[derive(Clone, Debug)]
pub(crate) enum Fill {
    /// From the row at the end of a way.
    Along(Way),
    /// With the default tenant.
    Constant(String),
}

/// What NULL in the tenant column (or on the way to it) is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// The column is NOT NULL already (an added one: from the start).
    Impossible,
    /// Becomes NOT NULL.
    Forbidden,
    /// Readable by every tenant.
    Shared,
    /// Nobody's under a tenant context.
    Hidden,
}

impl Nulls {
    /// Rows with NULL may be there after isolation.
    pub(crate) fn remain(self) -> bool {
        matches!(self, Self::Shared | Self::Hidden)
    }
}

/// A foreign key between two tables of tenants.
pub(crate) struct Reference<'a> {
    pub(crate) table: &'a Table,
    pub(crate) key: &'a crate::catalog::ForeignKey,
    /// The key with the tenant in it; `None` where one cannot be.
    pub(crate) composite: Option<NewForeignKey>,
    /// The single one goes at `complete`.
    pub(crate) replaced: bool,
    /// A policy asks instead whether the parent is one the tenant may see.
    pub(crate) guarded: bool,
}

/// A unique constraint or index that did not have the tenant.
pub(crate) struct UniqueDesign<'a> {
    pub(crate) table: &'a Table,
    /// The index behind it.
    pub(crate) index: &'a Index,
    /// The constraint, if it is one.
    pub(crate) constraint: Option<&'a crate::catalog::Key>,
    /// What replaces it.
    pub(crate) replacement: Vec<NewIndex>,
}

/// An index that is added: as target of composite keys, or for the workload.
pub(crate) struct IndexDesign<'a> {
    pub(crate) table: &'a Table,
    pub(crate) index: NewIndex,
    pub(crate) why: String,
    pub(crate) target: bool,
}

/// A look-up.
pub(crate) struct LookupDesign<'a> {
    pub(crate) name: String,
    pub(crate) table: &'a Table,
    pub(crate) arguments: Vec<(Ident, String)>,
    pub(crate) returns: Vec<(Ident, String)>,
    pub(crate) search_path: String,
    pub(crate) reason: String,
}

/// A resource that is counted.
pub(crate) struct ResourceDesign {
    pub(crate) guard: crate::quota::guard::Guard,
    /// The table and its partitions, each with whether it holds rows itself.
    pub(crate) relations: Vec<(QualifiedName, bool)>,
    /// The columns that are read to count.
    pub(crate) reads: Vec<Ident>,
    /// How a row is thrown away softly and brought back.
    pub(crate) soft: Option<crate::file::SoftDelete>,
    /// The limit of tenants for which nobody chose one.
    pub(crate) limit: Option<u64>,
}

/// A view that the runtime logins may read.
pub(crate) struct ViewDesign<'a> {
    pub(crate) view: &'a View,
    pub(crate) write: bool,
    /// It cannot become a security invoker before old logins are gone.
    pub(crate) late: bool,
}

/// A function whose rights change.
pub(crate) struct FunctionDesign<'a> {
    pub(crate) function: &'a Function,
    /// EXECUTE of PUBLIC goes to the existing roles.
    pub(crate) close: bool,
    /// The runtime logins may run it.
    pub(crate) open: bool,
    /// Runs with the new owner's rights after `complete`, which the policies bind.
    pub(crate) reowned: bool,
}

impl<'a> Design<'a> {
    /// The design of a table that is no partition.
    pub(crate) fn table(&self, name: &QualifiedName) -> Option<&TableDesign<'a>> {
        self.tables.iter().find(|t| &t.table.name == name)
    }

    /// Tables bound to a tenant.
    pub(crate) fn bound(&self) -> impl Iterator<Item = (&TableDesign<'a>, &Bound)> {
        self.tables.iter().filter_map(|t| t.bound.as_ref().map(|b| (t, b)))
    }

    /// Tables bound by a column.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&TableDesign<'a>, &ColumnBound)> {
        self.tables.iter().filter_map(|t| t.column_bound().map(|c| (t, c)))
    }

    /// The keeper reads its rows: for a look-up, or to count them.
    pub(crate) fn looked_up(&self, table: &QualifiedName) -> bool {
        self.lookups.iter().any(|l| &l.table.name == table) || self.resources.iter().any(|r| &r.guard.table == table)
    }
}

impl<'a> TableDesign<'a> {
    /// How it is bound by a column, if it is.
    pub(crate) fn column_bound(&self) -> Option<&ColumnBound> {
        match &self.bound {
            Some(Bound::Column(c)) => Some(c),
            _ => None,
        }
    }

    /// The table and its partitions: each a relation of its own for policies, defaults and owners.
    pub(crate) fn relations(&self) -> impl Iterator<Item = &'a Table> + Clone {
        std::iter::once(self.table).chain(self.partitions.iter().copied())
    }

    /// Those of them that hold rows.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = &'a Table> {
        self.relations().filter(|t| t.partition_key.is_none())
    }

    /// What happens to rows where NULL stands for the tenant.
    pub(crate) fn nulls(&self) -> Nulls {
        match &self.bound {
            Some(Bound::Column(c)) => c.nulls,
            Some(Bound::Path { nulls, .. }) => *nulls,
            None => Nulls::Impossible,
        }
    }
}

/// Columns of the first hop: a unique key over them cannot meet another tenant's.
pub(crate) fn owning_columns(hops: &[Hop]) -> &[Ident] {
    hops.first().filter(|h| !h.reverse).map_or(&[], |h| &h.columns)
}
