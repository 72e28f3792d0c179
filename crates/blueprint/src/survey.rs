//! What must be known of the data before anything is changed: SQL that counts, and what each count means.
//!
//! A probe never returns a value of a row, only one number. `engine::survey` runs it. Nothing is asked about unique
//! keys: a key with the tenant in front is never harder to hold than the global one it replaces.

use serde::{Deserialize, Serialize};
use tenantry_model::{Ident, KeyKind, QualifiedName, TEXT_KEY_BYTES_MAX};

use crate::catalog::{Catalog, ForeignKey};
use crate::classify::Classification;
use crate::ddl::path::{Way, is_ambiguous};
use crate::file::Severity;
use crate::plan::design::{Bound, Design, Fill, Nulls, Reference, TableDesign};
use crate::plan::{self, Options};
use crate::registry::Registry;

/// One question to the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// Kind of question; the id of the finding it may lead to: `cross-tenant-row`.
    pub id: String,
    /// The table it is about.
    pub table: QualifiedName,
    /// The object in words, for the finding: `public.tasks(project_id)`.
    pub object: String,
    /// One statement that gives one row with one `bigint`: how many rows are affected. Zero is good.
    pub sql: String,
    /// What such rows mean; `{count}` stands for their number.
    pub meaning: String,
    /// What to do about them.
    pub remedy: String,
    /// How bad they are.
    pub severity: Severity,
    /// Isolation must not start while there are any.
    pub blocks: bool,
}

/// The probes for a classified database, in a fixed order. A tenant table that is yet to be made has no rows to ask.
pub fn probes(catalog: &Catalog, classification: &Classification, registry: &Registry) -> Vec<Probe> {
    let design = plan::decide(catalog, catalog, classification, registry, &Options::default());
    let mut out = Vec::new();
    for (t, bound) in design.bound() {
        out.extend(without_tenant(t, bound));
        out.extend(several_owners(t, bound));
        out.extend(unknown_tenant(&design, t, bound));
        out.extend(long_key(&design, t, bound));
    }
    out.extend(design.references.iter().filter_map(|r| cross_tenant(&design, r)));
    out
}

/// Name of the row asked about.
const ROW: &str = "tenantry_row";

fn count(table: &QualifiedName, condition: &str) -> String {
    format!("SELECT count(*) FROM {} AS {ROW} WHERE {condition}", table.quoted())
}

fn probe(id: &str, table: &QualifiedName, object: String, sql: String) -> Probe {
    Probe {
        id: id.to_owned(),
        table: table.clone(),
        object,
        sql,
        meaning: String::new(),
        remedy: String::new(),
        severity: Severity::High,
        blocks: true,
    }
}

/// Rows that have no tenant, or whose way to one leads nowhere.
fn without_tenant(t: &TableDesign<'_>, bound: &Bound) -> Option<Probe> {
    let name = &t.table.name;
    let (condition, object) = match bound {
        Bound::Column(c) => match &c.fill {
            None if c.nulls == Nulls::Impossible => return None,
            None => (format!("{ROW}.{} IS NULL", c.column.quoted()), format!("{name}.{}", c.column)),
            Some(Fill::Along(way)) => (nowhere(way), name.to_string()),
            Some(Fill::Constant(_)) => return None,
        },
        Bound::Path { way, .. } => (nowhere(way), name.to_string()),
    };
    let nulls = t.nulls();
    let mut p = probe("row-without-tenant", name, object, count(name, &condition));
    let (meaning, remedy, severity, blocks) = match nulls {
        Nulls::Impossible | Nulls::Forbidden => (
            format!("{{count}} rows of {name} have no tenant, though none should be without."),
            "Give them a tenant or delete them; or say in tenantry.toml, with null_tenant, what such rows are.",
            Severity::High,
            true,
        ),
        Nulls::Shared => (
            format!("{{count}} rows of {name} have no tenant: every tenant will read them, none will change them."),
            "Nothing to do if that is right.",
            Severity::Low,
            false,
        ),
        Nulls::Hidden => (
            format!("{{count}} rows of {name} have no tenant: no tenant will see them."),
            "Nothing to do if that is right; rows left behind can be deleted.",
            Severity::Low,
            false,
        ),
    };
    (p.meaning, p.remedy, p.severity, p.blocks) = (meaning, remedy.to_owned(), severity, blocks);
    Some(p)
}

fn nowhere(way: &Way) -> String {
    let (from, condition) = way.joined(ROW);
    format!("NOT EXISTS (SELECT FROM {from} WHERE {condition} AND {} IS NOT NULL)", way.tenant())
}

/// Rows that rows of several tenants point at, where pointing means owning.
fn several_owners(t: &TableDesign<'_>, bound: &Bound) -> Option<Probe> {
    let way = match bound {
        Bound::Column(c) => match &c.fill {
            Some(Fill::Along(way)) => way,
            _ => return None,
        },
        Bound::Path { way, .. } => way,
    };
    if !is_ambiguous(&way.hops) {
        return None;
    }
    let name = &t.table.name;
    let (from, condition) = way.joined(ROW);
    let several = format!("(SELECT count(DISTINCT {}) FROM {from} WHERE {condition}) > 1", way.tenant());
    Some(Probe {
        meaning: format!("{{count}} rows of {name} are pointed at by rows of more than one tenant."),
        remedy: "Give each tenant a row of its own, or classify the table as shared in tenantry.toml.".to_owned(),
        ..probe("row-of-several-tenants", name, name.to_string(), count(name, &several))
    })
}

/// Rows whose tenant is not in the tenant table.
fn unknown_tenant(design: &Design<'_>, t: &TableDesign<'_>, bound: &Bound) -> Option<Probe> {
    let (Some(root), Some(key), Bound::Column(c)) = (&design.root.table, &design.root.key, bound) else { return None };
    let name = &t.table.name;
    let held =
        t.table.foreign_keys.iter().any(|k| &k.references == root && k.columns.contains(&c.column) && k.validated);
    if name == root || held || c.fill.is_some() {
        return None;
    }
    let column = c.column.quoted();
    let condition = format!(
        "{ROW}.{column} IS NOT NULL AND NOT EXISTS (SELECT FROM {} AS tenantry_root WHERE tenantry_root.{} = {ROW}.{column})",
        root.quoted(),
        key.quoted()
    );
    Some(Probe {
        meaning: format!("{{count}} rows of {name} belong to a tenant that is not in {root}."),
        remedy: "Nobody will see them. They are left from deleted tenants, or the column is not the tenant: look and delete them, or correct tenantry.toml.".to_owned(),
        severity: Severity::Medium,
        blocks: false,
        ..probe("tenant-unknown", name, format!("{name}.{}", c.column), count(name, &condition))
    })
}

/// Keys that the context cannot carry.
fn long_key(design: &Design<'_>, t: &TableDesign<'_>, bound: &Bound) -> Option<Probe> {
    let Bound::Column(c) = bound else { return None };
    let name = &t.table.name;
    let source = match &design.root.table {
        Some(root) => name == root,
        None => c.fill.is_none(),
    };
    if c.kind != KeyKind::Text || !source {
        return None;
    }
    let column = c.column.quoted();
    let condition = format!("pg_catalog.octet_length({ROW}.{column}) NOT BETWEEN 1 AND {TEXT_KEY_BYTES_MAX}");
    Some(Probe {
        meaning: format!(
            "{{count}} tenant keys in {name}.{} are empty or longer than {TEXT_KEY_BYTES_MAX} bytes, and no context can carry them.",
            c.column
        ),
        remedy: "Give these tenants shorter keys first.".to_owned(),
        ..probe("tenant-key-length", name, format!("{name}.{}", c.column), count(name, &condition))
    })
}

/// Rows whose parent belongs to another tenant.
fn cross_tenant(design: &Design<'_>, r: &Reference<'_>) -> Option<Probe> {
    let child = design.table(&r.table.name)?;
    let parent = design.table(&r.key.references)?;
    if own_way(child, r.key) {
        return None;
    }
    let (own, other) = (tenant_of(child, ROW)?, tenant_of(parent, "tenantry_parent")?);
    let joined: Vec<String> = r
        .key
        .columns
        .iter()
        .zip(&r.key.referenced_columns)
        .map(|(c, p)| format!("tenantry_parent.{} = {ROW}.{}", p.quoted(), c.quoted()))
        .collect();
    // A composite key is not held where the child has no tenant; a shared parent is everybody's.
    let mut condition = format!("(({own}) IS DISTINCT FROM ({other})) AND ({own}) IS NOT NULL");
    if parent.nulls() == Nulls::Shared {
        condition.push_str(&format!(" AND ({other}) IS NOT NULL"));
    }
    let name = &r.table.name;
    let sql = format!(
        "SELECT count(*) FROM {} AS {ROW} JOIN {} AS tenantry_parent ON {} WHERE {condition}",
        name.quoted(),
        parent.table.name.quoted(),
        joined.join(" AND ")
    );
    let columns = r.key.columns.iter().map(Ident::as_str).collect::<Vec<_>>().join(", ");
    Some(Probe {
        severity: Severity::Critical,
        meaning: format!("{{count}} rows of {name} point through ({columns}) at a row of {} that belongs to another tenant, or to none.", parent.table.name),
        remedy: "Somebody's data was mixed up. Find these rows and decide whose they are; if rows without a tenant may be pointed at, write null_tenant = \"shared\" for that table.".to_owned(),
        ..probe("cross-tenant-row", name, format!("{name}({columns})"), sql)
    })
}

/// The tenant of the child is that of this very parent, by the way its column is filled.
fn own_way(child: &TableDesign<'_>, key: &ForeignKey) -> bool {
    let way = match &child.bound {
        Some(Bound::Column(c)) => match &c.fill {
            Some(Fill::Along(way)) => way,
            _ => return false,
        },
        Some(Bound::Path { way, .. }) => way,
        None => return false,
    };
    matches!(way.hops.as_slice(), [hop] if !hop.reverse && hop.references == key.references && hop.columns == key.columns)
}

/// The tenant of a row as an expression, today.
fn tenant_of(t: &TableDesign<'_>, row: &str) -> Option<String> {
    let way = match t.bound.as_ref()? {
        Bound::Column(c) => match &c.fill {
            None => return Some(format!("{row}.{}", c.column.quoted())),
            Some(Fill::Along(way)) => way,
            Some(Fill::Constant(_)) => return None,
        },
        Bound::Path { way, .. } => way,
    };
    let (from, condition) = way.joined(row);
    Some(format!("SELECT {0} FROM {from} WHERE {condition} AND {0} IS NOT NULL ORDER BY 1 LIMIT 1", way.tenant()))
}
