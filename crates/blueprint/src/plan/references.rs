//! Foreign keys between tables of tenants: which get the tenant into the key, which are guarded by a policy instead.
//!
//! A key on `(id)` alone lets a tenant point at another's row, and tells whether it exists. A key on `(tenant, id)`
//! does neither. The single key goes at `complete`, because two keys that fail with two names tell the same again.

use std::collections::BTreeSet;

use tenantry_model::{Ident, KeyKind, QualifiedName};

use super::design::{ColumnBound, Design, IndexDesign, Nulls, Reference, TableDesign};
use super::findings::note;
use super::names::{Names, constraint};
use crate::catalog::{Action, ForeignKey};
use crate::classify::Class;
use crate::ddl::constraint::NewForeignKey;
use crate::ddl::index::NewIndex;
use crate::file::{Finding, Severity};

/// Designs every foreign key between two bound tables, and the unique indexes the new keys need.
pub(super) fn design<'a>(
    design: &Design<'a>,
    names: &mut Names,
    findings: &mut Vec<Finding>,
) -> (Vec<Reference<'a>>, Vec<IndexDesign<'a>>) {
    let mut references = Vec::new();
    let mut targets: Vec<IndexDesign<'a>> = Vec::new();
    for child in &design.tables {
        if child.bound.is_none() {
            continue;
        }
        let mut given: BTreeSet<Ident> = BTreeSet::new();
        for key in &child.table.foreign_keys {
            let Some(parent) = design.table(&key.references).filter(|p| p.bound.is_some()) else { continue };
            let Some(mut reference) = decide(design, child, parent, key, findings) else { continue };
            if let Some(composite) = &mut reference.composite {
                let mut name = constraint(child.relations(), key.name.as_str(), "_tenantry");
                while !given.insert(name.clone()) {
                    name = Ident::composed("", name.as_str(), "_2");
                }
                composite.name = name;
                if !target_exists(parent, &composite.referenced_columns, &targets) {
                    targets.push(target(parent, &composite.referenced_columns, names));
                }
            }
            references.push(reference);
        }
    }
    (references, targets)
}

/// Foreign keys from new tenant columns to the tenant table that tenantry makes. The column of a table that follows
/// another is held by the key to that one.
pub(super) fn to_created_root(design: &Design<'_>) -> Vec<(QualifiedName, NewForeignKey)> {
    let (Some(table), Some(key), Some(_)) = (&design.root.table, &design.root.key, &design.root.created) else {
        return Vec::new();
    };
    let direct = |class| matches!(class, Class::Direct | Class::Membership);
    let new = design.columns().filter(|(t, bound)| direct(t.class) && bound.fill.is_some());
    new.map(|(t, bound)| {
        let foreign = NewForeignKey {
            name: constraint(t.relations(), t.table.name.name.as_str(), "_tenantry_tenant"),
            columns: vec![bound.column.clone()],
            references: table.clone(),
            referenced_columns: vec![key.clone()],
            on_delete: Action::NoAction,
            on_delete_columns: Vec::new(),
            deferrable: false,
            deferred: false,
        };
        (t.table.name.clone(), foreign)
    })
    .collect()
}

fn decide<'a>(
    design: &Design<'a>,
    child: &TableDesign<'a>,
    parent: &TableDesign<'a>,
    key: &'a ForeignKey,
    findings: &mut Vec<Finding>,
) -> Option<Reference<'a>> {
    let own = child.column_bound();
    let other = parent.column_bound();
    if let (Some(own), Some(other)) = (own, other)
        && key.columns.iter().zip(&key.referenced_columns).any(|(c, r)| c == &own.column && r == &other.column)
    {
        return None; // The tenant is in the key already; to the root table, it is the key.
    }
    if Some(&parent.table.name) == design.root.table.as_ref() {
        return None; // Another tenant is named on purpose: a parent tenant, a partner.
    }
    let guarded = |why: &str, findings: &mut Vec<Finding>| {
        findings.push(note(
            "reference-by-policy",
            Severity::Low,
            format!("{}.{}", child.table.name, key.name),
            format!("The foreign key {} to {} cannot have the tenant in it: {why}.", key.name, parent.table.name),
            "Nothing to do: a policy lets rows point only at rows their tenant may see.",
        ));
        Some(Reference { table: child.table, key, composite: None, replaced: false, guarded: true })
    };
    let (Some(own), Some(other)) = (own, other) else {
        return guarded("one of the two tables has no tenant column", findings);
    };
    if key.period {
        return guarded("it is a key over periods of time", findings);
    }
    if !same_family(own.kind, other.kind) {
        return guarded("the tenant columns are of different types", findings);
    }
    if other.nulls == Nulls::Shared {
        return guarded("rows there are shared by all tenants", findings);
    }
    if key.on_update == Action::Cascade && !is_surrogate(parent, &key.referenced_columns) {
        return guarded("it carries changes of a natural key along (ON UPDATE CASCADE)", findings);
    }
    if let Some(why) = no_unique(parent, other, &key.referenced_columns) {
        return guarded(why, findings);
    }
    // MATCH FULL says more than a composite key over nullable columns can.
    let nullable = key.columns.iter().any(|c| child.table.column(c.as_str()).is_some_and(|c| !c.not_null));
    let keep = own.nulls.remain() || (key.match_full && key.columns.len() > 1 && nullable);
    Some(Reference {
        table: child.table,
        key,
        composite: Some(composite(own, other, key, parent.table.name.clone())),
        replaced: !keep,
        guarded: keep,
    })
}

fn composite(own: &ColumnBound, other: &ColumnBound, key: &ForeignKey, references: QualifiedName) -> NewForeignKey {
    let on_delete_columns = match key.on_delete {
        Action::SetNull | Action::SetDefault if key.on_delete_columns.is_empty() => key.columns.clone(),
        Action::SetNull | Action::SetDefault => key.on_delete_columns.clone(),
        _ => Vec::new(),
    };
    NewForeignKey {
        name: key.name.clone(),
        columns: std::iter::once(&own.column).chain(&key.columns).cloned().collect(),
        references,
        referenced_columns: std::iter::once(&other.column).chain(&key.referenced_columns).cloned().collect(),
        on_delete: key.on_delete,
        on_delete_columns,
        deferrable: key.deferrable,
        deferred: key.deferred,
    }
}

fn same_family(a: KeyKind, b: KeyKind) -> bool {
    let number = |k| matches!(k, KeyKind::Integer | KeyKind::Bigint);
    a == b || (number(a) && number(b))
}

/// The referenced columns are a key the application never changes: the primary key, of a type made by machines.
fn is_surrogate(parent: &TableDesign<'_>, columns: &[Ident]) -> bool {
    parent.table.primary_key.as_ref().is_some_and(|k| k.columns.iter().all(|c| columns.contains(c)))
}

/// Why no unique index over the tenant and these columns can be.
fn no_unique(parent: &TableDesign<'_>, other: &ColumnBound, columns: &[Ident]) -> Option<&'static str> {
    let held = |name: &String| name == other.column.as_str() || columns.iter().any(|c| c.as_str() == name);
    let mut keys = parent.relations().filter_map(|r| r.partition_key.as_deref());
    let covered = keys.all(|key| partition_columns(key).is_some_and(|names| names.iter().all(held)));
    (!covered).then_some("a unique key there must hold the partition key")
}

/// The columns of `RANGE (a, "B")`; `None` if an expression is among them.
pub(super) fn partition_columns(key: &str) -> Option<Vec<String>> {
    let inner = key.split_once('(')?.1.strip_suffix(')')?;
    inner
        .split(", ")
        .map(|part| match part.strip_prefix('"') {
            Some(rest) => {
                let (name, end) = rest.split_at(rest.rfind('"')?);
                (end == "\"").then(|| name.replace("\"\"", "\""))
            }
            None => part.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$').then(|| part.to_owned()),
        })
        .collect()
}

fn target_exists(parent: &TableDesign<'_>, columns: &[Ident], targets: &[IndexDesign<'_>]) -> bool {
    let same = |other: &[Ident]| other.len() == columns.len() && columns.iter().all(|c| other.contains(c));
    let hard = parent.table.primary_key.iter().chain(&parent.table.uniques).any(|k| !k.deferrable && same(&k.columns))
        || parent.table.indexes.iter().any(|i| {
            i.unique
                && !i.of_constraint
                && i.valid
                && i.predicate.is_none()
                && i.plain_columns().is_some_and(|c| same(&c))
        });
    let quoted: BTreeSet<String> = columns.iter().map(Ident::quoted).collect();
    hard || targets
        .iter()
        .any(|t| t.table.name == parent.table.name && t.index.keys.iter().cloned().collect::<BTreeSet<_>>() == quoted)
}

fn target<'a>(parent: &TableDesign<'a>, columns: &[Ident], names: &mut Names) -> IndexDesign<'a> {
    let suffix: String = columns.iter().skip(1).map(|c| format!("_{c}")).collect();
    let stem = format!("{}_tenant{suffix}", parent.table.name.name);
    IndexDesign {
        table: parent.table,
        index: NewIndex {
            name: names.relation(&parent.table.name, &stem, "_tenantry"),
            unique: true,
            keys: columns.iter().map(Ident::quoted).collect(),
            include: Vec::new(),
            nulls_not_distinct: false,
            predicate: None,
        },
        why: "target of foreign keys that hold the tenant".to_owned(),
        target: true,
    }
}
