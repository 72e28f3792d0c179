//! The rules, one a file. A rule looks at one table and gives evidence for one class, or keeps silent.
//!
//! Rules of the first round look at the table and the root alone. The second round follows references to
//! tables that are settled. The third looks at what is left.

mod bookkeeping;
mod identity;
mod installation;
mod island;
mod member;
mod orphan;
mod parent;
mod person_owned;
mod polymorphic;
mod queue;
mod reference_data;
mod reverse;
mod root_table;
mod single_child;
mod single_top;
mod tenant_column;
mod tenant_relation;

use tenantry_model::{Ident, QualifiedName};

use super::facts::Facts;
use super::references::{Reference, Role};
use super::{Class, Hop};

/// One table and what is known when a rule looks at it.
pub(super) struct Case<'a> {
    /// The catalog.
    pub(super) facts: &'a Facts<'a>,
    /// The table looked at.
    pub(super) table: usize,
    /// The tenant table, if there is one.
    pub(super) root: Option<usize>,
    /// The tenant column's name, where tenancy is only a column.
    pub(super) root_column: Option<&'a Ident>,
    /// Names that tenant columns have here, most frequent first.
    pub(super) tenant_columns: &'a [Ident],
    /// A table joins people to tenants.
    pub(super) has_members: bool,
    /// What is settled so far.
    pub(super) settled: &'a [Option<Settled>],
}

/// What later rules need to know of a settled table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settled {
    pub(super) class: Class,
    /// Hops from here to the root or to a direct table.
    pub(super) path: Vec<Hop>,
}

/// What a rule found.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    /// The class it speaks for.
    pub(super) class: Class,
    /// The tenant column.
    pub(super) column: Option<Ident>,
    /// The path, if the class is reached by one.
    pub(super) path: Vec<Hop>,
    /// The tenant may be NULL.
    pub(super) nullable: bool,
    /// 0 to 1.
    pub(super) weight: f64,
    /// Why, in words for people.
    pub(super) reason: String,
    /// What a person must say, if the evidence does not settle it.
    pub(super) question: Option<String>,
}

impl Evidence {
    /// Evidence without column, path or question.
    pub(super) fn new(class: Class, weight: f64, reason: impl Into<String>) -> Self {
        Self { class, column: None, path: Vec::new(), nullable: false, weight, reason: reason.into(), question: None }
    }
}

/// A rule: the judgement of the file it stands in.
pub(super) struct Rule {
    /// The judgement.
    pub(super) judge: fn(&Case<'_>) -> Option<Evidence>,
}

macro_rules! rules {
    ($($name:ident),* $(,)?) => { &[$(Rule { judge: $name::judge }),*] };
}

/// Look at the table and the root.
pub(super) const OWN: &[Rule] = rules![root_table, tenant_column, tenant_relation, bookkeeping, identity];
/// Follow references to settled tables, until nothing changes.
pub(super) const PATH: &[Rule] = rules![parent];
/// Turn a scoped table into a membership.
pub(super) const REFINE: &[Rule] = rules![member];
/// What has no certain reference towards a tenant; what is found may settle children in turn.
pub(super) const REST: &[Rule] =
    rules![parent, bookkeeping, identity, installation, reverse, polymorphic, queue, person_owned, reference_data,];
/// What nothing is known of.
pub(super) const LAST: &[Rule] = rules![parent, island, orphan];
/// All tables of a database without tenancy.
pub(super) const SINGLE: &[Rule] = rules![bookkeeping, reference_data, single_child, single_top];

impl<'a> Case<'a> {
    /// References that start at the table.
    pub(super) fn references(&self) -> &'a [Reference] {
        &self.facts.references[self.table]
    }

    /// The name of a table.
    pub(super) fn name(&self, table: usize) -> &'a QualifiedName {
        &self.facts.tables[table].name
    }

    /// The settled class of a table.
    pub(super) fn class_of(&self, table: usize) -> Option<Class> {
        self.settled[table].as_ref().map(|s| s.class)
    }

    /// True if the reference says who did something, not whom the row belongs to.
    pub(super) fn is_actor(&self, r: &Reference) -> bool {
        r.role == Role::Actor && self.facts.people[r.target]
    }

    /// The reference as a hop.
    pub(super) fn hop(&self, r: &Reference) -> Hop {
        Hop {
            columns: r.columns.clone(),
            references: self.name(r.target).clone(),
            referenced_columns: r.target_columns.clone(),
            enforced: r.enforced,
            nullable: r.nullable,
            reverse: false,
        }
    }
}

/// Column names as a person writes them in a sentence.
pub(super) fn list(columns: &[Ident]) -> String {
    columns.iter().map(|c| format!("`{c}`")).collect::<Vec<_>>().join(", ")
}
