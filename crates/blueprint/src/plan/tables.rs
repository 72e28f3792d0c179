//! What each table is bound by.

use tenantry_model::{Ident, KeyKind, QualifiedName};

use super::design::{ADDED_COLUMN, Bound, ColumnBound, Fill, Nulls, RootDesign, TableDesign};
use super::findings::{blocking, entry, note};
use crate::catalog::{Catalog, Table, TableKind};
use crate::classify::{Class, Classification, Hop, NullTenant, Verdict};
use crate::ddl::path::Way;
use crate::file::{Finding, Severity};
use crate::registry::{Access, Method, Registry};

/// Most column slots a table can have.
const COLUMN_SLOTS_MAX: usize = 1600;

/// Designs every table but partitions.
pub(super) fn design<'a>(
    catalog: &'a Catalog,
    classification: &Classification,
    registry: &Registry,
    root: &RootDesign,
    scope: Option<&super::scope::Scope>,
    findings: &mut Vec<Finding>,
) -> Vec<TableDesign<'a>> {
    let planner = Planner { catalog, classification, registry, root };
    let mut tables: Vec<TableDesign<'a>> = catalog
        .tables
        .iter()
        .filter(|t| t.kind != TableKind::Partition)
        .map(|table| planner.table(table, scope, findings))
        .collect();
    let with_column: Vec<QualifiedName> = tables
        .iter()
        .filter(|t| t.column_bound().is_some_and(|c| c.fill.is_some()))
        .map(|t| t.table.name.clone())
        .collect();
    for t in &mut tables {
        t.inherits_column = t.table.parents.iter().any(|p| with_column.contains(p));
    }
    tables
}

struct Planner<'p, 'a> {
    catalog: &'a Catalog,
    classification: &'p Classification,
    registry: &'p Registry,
    root: &'p RootDesign,
}

impl<'a> Planner<'_, 'a> {
    fn table(
        &self,
        table: &'a Table,
        scope: Option<&super::scope::Scope>,
        findings: &mut Vec<Finding>,
    ) -> TableDesign<'a> {
        let verdict = self.classification.verdict(&table.name);
        let class = verdict.map_or(Class::Unknown, |v| v.class);
        let own = self.registry.table(&table.name);
        let mut access = own.and_then(|e| e.access).unwrap_or(match class {
            Class::Root | Class::Direct | Class::Indirect | Class::Membership => Access::Write,
            Class::Shared => Access::Read,
            Class::System | Class::Unknown => Access::None,
        });
        if class == Class::Unknown {
            let question = verdict.and_then(|v| v.question.clone()).unwrap_or_else(|| "What is it?".to_owned());
            findings.push(blocking(
                "table-unknown",
                &table.name,
                format!("Nobody could be sure what {} is. {question}", table.name),
                format!("Write its class under {} in tenantry.toml.", entry(&table.name)),
            ));
        }
        let mut bound = None;
        if table.kind == TableKind::Foreign {
            if class.is_scoped() && access != Access::None {
                findings.push(note(
                    "foreign-table",
                    Severity::High,
                    &table.name,
                    format!(
                        "{} is a foreign table: no policy can stand on it, so the runtime logins get no right on it.",
                        table.name
                    ),
                    "Keep the tenants apart on the other server, or copy the rows into a table here.",
                ));
            }
            access = Access::None;
        } else if class.is_scoped()
            && let Some(verdict) = verdict
        {
            bound = self.bound(table, verdict, findings);
        }
        let partitions = self.partitions(&table.name);
        let own_rules = bound.is_some() && own_rules(table, verdict.and_then(|v| v.column.as_ref()));
        let scope = bound.is_some().then(|| scope.and_then(|s| s.column_of(table, verdict, own, findings))).flatten();
        TableDesign { table, class, access, bound, scope, partitions, own_rules, inherits_column: false }
    }

    fn bound(&self, table: &'a Table, verdict: &Verdict, findings: &mut Vec<Finding>) -> Option<Bound> {
        if verdict.class == Class::Root {
            let key = self.root.key.as_ref()?;
            return self.by_column(table, key, Nulls::Impossible, findings).map(Bound::Column);
        }
        if let Some(column) = &verdict.column {
            if table.column(column.as_str()).is_some() {
                let nulls = self.nulls_of(table, verdict, findings)?;
                return self.by_column(table, column, nulls, findings).map(Bound::Column);
            }
            if self.root.created.is_none() {
                findings.push(blocking(
                    "column-missing",
                    &table.name,
                    format!("The tenant column {column} of {} does not exist.", table.name),
                    format!("Correct it under {} in tenantry.toml.", entry(&table.name)),
                ));
                return None;
            }
        }
        if let Some(tenant) = &self.root.created {
            return Some(self.added_constant(table, tenant));
        }
        self.by_path(table, verdict, findings)
    }

    fn by_column(
        &self,
        table: &'a Table,
        name: &Ident,
        nulls: Nulls,
        findings: &mut Vec<Finding>,
    ) -> Option<ColumnBound> {
        let column = table.column(name.as_str())?;
        let Some(kind) = column.key_kind().filter(|_| column.collation_deterministic && !column.generated) else {
            findings.push(blocking(
                "tenant-key-type",
                format!("{}.{name}", table.name),
                format!(
                    "The tenant column {}.{name} ({}) cannot carry a tenant: it must be a plain column of type uuid, smallint, integer, bigint, text or varchar with a deterministic collation.",
                    table.name, column.data_type
                ),
                "Change the column's type or collation, or choose another column in tenantry.toml.",
            ));
            return None;
        };
        let nulls = if column.not_null { Nulls::Impossible } else { nulls };
        Some(ColumnBound { column: name.clone(), kind, data_type: column.data_type.clone(), fill: None, nulls })
    }

    fn by_path(&self, table: &'a Table, verdict: &Verdict, findings: &mut Vec<Finding>) -> Option<Bound> {
        let (way, end) = match self.way(table, &verdict.path) {
            Ok(found) => found,
            Err(why) => {
                findings.push(blocking(
                    "path-missing",
                    &table.name,
                    format!("No way from {} to its tenant: {why}.", table.name),
                    format!("Write its path, or another class, under {} in tenantry.toml.", entry(&table.name)),
                ));
                return None;
            }
        };
        // A single hop to the root: the hop's own column is the tenant column.
        if let [hop] = way.hops.as_slice()
            && !hop.reverse
            && Some(&hop.references) == self.root.table.as_ref()
            && let [column] = hop.columns.as_slice()
        {
            let nulls = self.nulls_of(table, verdict, findings)?;
            return self.by_column(table, column, nulls, findings).map(Bound::Column);
        }
        let nulls = self.nulls_on_way(table, verdict, &way, &end, findings)?;
        let method = self.registry.table(&table.name).and_then(|e| e.method);
        let slots = usize::from(table.column_slots).max(table.columns.len());
        let full = slots >= COLUMN_SLOTS_MAX;
        if full && method != Some(Method::Policy) {
            findings.push(note(
                "columns-full",
                Severity::Medium,
                &table.name,
                format!("{} has no room for another column ({slots} of {COLUMN_SLOTS_MAX} used), so a policy along the path guards it.", table.name),
                "Nothing to do; queries on this table are slower than with a column.",
            ));
        }
        if full || method == Some(Method::Policy) {
            if way.hops.iter().any(|h| h.references == table.name) {
                findings.push(blocking(
                    "path-through-itself",
                    &table.name,
                    format!("A policy along a path cannot lead through {} itself.", table.name),
                    format!("Remove `method = \"policy\"` under {} in tenantry.toml.", entry(&table.name)),
                ));
                return None;
            }
            if way.hops.iter().any(|h| h.reverse) {
                findings.push(note(
                    "owned-by-pointing",
                    Severity::High,
                    &table.name,
                    format!("{} is owned through an incoming reference and has no column of its own: a tenant that points at another tenant's row would own it too.", table.name),
                    format!("Remove `method = \"policy\"` under {} in tenantry.toml, so that it gets a tenant column.", entry(&table.name)),
                ));
            }
            return Some(Bound::Path { way, nulls });
        }
        let column = self.free_name(table);
        Some(Bound::Column(ColumnBound {
            column,
            kind: end.kind,
            data_type: end.data_type,
            fill: Some(Fill::Along(way)),
            nulls,
        }))
    }

    fn added_constant(&self, table: &'a Table, tenant: &str) -> Bound {
        let wanted =
            self.registry.root.as_ref().and_then(|r| r.column.clone()).unwrap_or_else(|| "tenant_id".to_owned());
        let column = match Ident::new(wanted) {
            Ok(name) if table.column(name.as_str()).is_none() => name,
            _ => self.free_name(table),
        };
        Bound::Column(ColumnBound {
            column,
            kind: KeyKind::Uuid,
            data_type: "uuid".to_owned(),
            fill: Some(Fill::Constant(tenant.to_owned())),
            nulls: Nulls::Impossible,
        })
    }

    /// A name for a column that no column of the table (or of its children) has.
    fn free_name(&self, table: &Table) -> Ident {
        let taken = |name: &Ident| {
            table.column(name.as_str()).is_some()
                || self.catalog.children(&table.name).any(|c| c.column(name.as_str()).is_some())
        };
        (1..)
            .map(|n| Ident::composed("", ADDED_COLUMN, &if n == 1 { String::new() } else { format!("_{n}") }))
            .find(|name| !taken(name))
            .unwrap_or_else(|| Ident::composed("", ADDED_COLUMN, ""))
    }

    /// Follows the path to the first table that carries the tenant.
    fn way(&self, table: &Table, path: &[Hop]) -> Result<(Way, End), String> {
        let mut hops = Vec::new();
        let mut here = &table.name;
        for hop in path {
            let from = self.catalog.table(here).ok_or_else(|| format!("table {here} does not exist"))?;
            let to = self
                .catalog
                .table(&hop.references)
                .ok_or_else(|| format!("table {} does not exist", hop.references))?;
            if hop.columns.is_empty() || hop.columns.len() != hop.referenced_columns.len() {
                return Err(format!("the hop to {} names no columns that fit", hop.references));
            }
            for (table, columns) in [(from, &hop.columns), (to, &hop.referenced_columns)] {
                if let Some(c) = columns.iter().find(|c| table.column(c.as_str()).is_none()) {
                    return Err(format!("column {}.{c} does not exist", table.name));
                }
            }
            hops.push(hop.clone());
            here = &hop.references;
            let column = if Some(here) == self.root.table.as_ref() {
                self.root.key.clone()
            } else {
                self.classification.verdict(here).filter(|v| v.class.is_scoped()).and_then(|v| v.column.clone())
            };
            let Some(column) = column else { continue };
            let Some(c) = to.column(column.as_str()) else { continue };
            let Some(kind) = c.key_kind() else {
                return Err(format!("{here}.{column} is of type {}, which cannot be a tenant key", c.data_type));
            };
            let end = End { table: here.clone(), kind, data_type: c.data_type.clone(), nullable: !c.not_null };
            return Ok((Way { hops, column }, end));
        }
        Err(if path.is_empty() {
            "none was found".to_owned()
        } else {
            format!("it ends at {here}, which has no tenant")
        })
    }

    /// What NULL in the tenant column means, by the registry; blocks while it is not settled.
    fn nulls_of(&self, table: &Table, verdict: &Verdict, findings: &mut Vec<Finding>) -> Option<Nulls> {
        let column = verdict.column.as_ref().or_else(|| verdict.path.first()?.columns.first());
        if column.and_then(|c| table.column(c.as_str())).is_some_and(|c| c.not_null) {
            return Some(Nulls::Impossible);
        }
        match self.registry.table(&table.name).and_then(|e| e.null_tenant) {
            Some(meaning) => Some(nulls(meaning)),
            None => {
                self.ask(table, verdict, findings);
                None
            }
        }
    }

    /// The same for a path: a reference that may be NULL or dangle, or a table at its end with NULLs.
    fn nulls_on_way(
        &self,
        table: &Table,
        verdict: &Verdict,
        way: &Way,
        end: &End,
        findings: &mut Vec<Finding>,
    ) -> Option<Nulls> {
        if let Some(meaning) = self.registry.table(&table.name).and_then(|e| e.null_tenant) {
            return Some(nulls(meaning));
        }
        if way.hops.iter().any(|h| h.reverse) {
            // A row that nothing points at (yet) is nobody's.
            return Some(Nulls::Hidden);
        }
        let mut here = table;
        for hop in &way.hops {
            if hop.columns.iter().any(|c| here.column(c.as_str()).is_some_and(|c| !c.not_null)) {
                self.ask(table, verdict, findings);
                return None;
            }
            here = self.catalog.table(&hop.references)?;
        }
        if !end.nullable {
            return Some(Nulls::Forbidden);
        }
        // A child of a row that is shared (or nobody's) is what its parent is.
        match self.registry.table(&end.table).and_then(|e| e.null_tenant) {
            Some(NullTenant::Never) => Some(Nulls::Forbidden),
            Some(meaning) => Some(nulls(meaning)),
            // The end's own question blocks already.
            None => Some(Nulls::Hidden),
        }
    }

    fn ask(&self, table: &Table, verdict: &Verdict, findings: &mut Vec<Finding>) {
        let question = verdict.question.clone().unwrap_or_else(|| "What does a row without a tenant mean?".to_owned());
        findings.push(blocking(
            "nullable-tenant",
            &table.name,
            format!("Rows of {} may have no tenant, and it is not settled what that means. {question}", table.name),
            format!(
                "Write null_tenant = \"shared\" (every tenant reads them), \"personal\" (a person's own, no tenant's), \"never\" (it does not happen) or \"orphan\" (left behind) under {} in tenantry.toml.",
                entry(&table.name)
            ),
        ));
    }

    /// Partitions at any depth, parents first.
    fn partitions(&self, parent: &QualifiedName) -> Vec<&'a Table> {
        let mut found: Vec<&'a Table> = Vec::new();
        let mut next = vec![parent.clone()];
        while let Some(name) = next.pop() {
            for t in self.catalog.tables.iter().filter(|t| t.kind == TableKind::Partition && t.parents.contains(&name))
            {
                next.push(t.name.clone());
                found.push(t);
            }
        }
        found
    }
}

/// Where a way ends.
struct End {
    table: QualifiedName,
    kind: KeyKind,
    data_type: String,
    nullable: bool,
}

fn nulls(meaning: NullTenant) -> Nulls {
    match meaning {
        NullTenant::Shared => Nulls::Shared,
        NullTenant::Personal | NullTenant::Orphan => Nulls::Hidden,
        NullTenant::Never => Nulls::Forbidden,
    }
}

/// Row-level security is on with permissive policies that say more than which tenant.
fn own_rules(table: &Table, tenant: Option<&Ident>) -> bool {
    table.rls_enabled
        && table.policies.iter().filter(|p| p.permissive).any(|p| {
            let text = [p.using.as_deref(), p.check.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
            let only_tenant = tenant.is_some_and(|t| mentions(&text, t.as_str()))
                && !table.columns.iter().any(|c| Some(&c.name) != tenant && mentions(&text, c.name.as_str()))
                && !text.contains("SELECT");
            !only_tenant
        })
}

/// The text holds this word.
fn mentions(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        !text[..at].chars().next_back().is_some_and(part) && !text[at + word.len()..].chars().next().is_some_and(part)
    })
}
