//! From what a database is to the steps that isolate it.
//!
//! Pure and deterministic: the same catalog, classification and registry give the same blueprint to the last byte.
//! What nobody could be sure of becomes a finding that blocks, never a guess.
//!
//! First everything is decided ([`design`]), then `steps` writes it down as SQL.

pub(crate) mod design;
mod findings;
mod indexes;
mod lookups;
mod names;
mod objects;
mod references;
mod resources;
mod roles;
mod root;
mod scope;
mod tables;
mod uniques;

use crate::catalog::Catalog;
use crate::classify::{Class, Classification, Root};
use crate::file::{Binding, Blueprint, FORMAT, Finding, OpenTable, ProtectedTable, Step};
use crate::registry::{Access, Registry};
use crate::steps;
use design::{Bound, Design, Nulls};
pub(crate) use lookups::search_path;

/// What the person who plans may choose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Make the tenant table of a single-tenant database, with a default tenant that owns every existing row.
    pub create_root: bool,
}

/// Makes the blueprint of a classified database. What must be settled first is among its findings, which then block.
pub fn plan(catalog: &Catalog, classification: &Classification, registry: &Registry, options: &Options) -> Blueprint {
    let made = root::with_created(catalog, classification, registry, options);
    let (seen, judged) = made.as_ref().map_or((catalog, classification), |(c, v)| (c, v));
    let mut design = decide(catalog, seen, judged, registry, options);
    let steps = steps::all(&design);
    let hazards = crate::hazards::find(catalog, classification, registry);
    let said: Vec<String> =
        design.findings.iter().filter(|f| f.id == "unique-kept-global").map(|f| f.object.clone()).collect();
    let twice = |hazard: &Finding| hazard.id == "unique-without-tenant" && said.contains(&hazard.object);
    design.findings.extend(hazards.into_iter().filter(|hazard| !is_cured(hazard, &steps) && !twice(hazard)));
    registry.mark_accepted(&mut design.findings);
    Blueprint {
        format: FORMAT,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        database: catalog.database.clone(),
        fingerprint: catalog.fingerprint(),
        server_major: catalog.server_version_num / 10_000,
        root: Root {
            table: design.root.table.clone(),
            key: design.root.key.iter().cloned().collect(),
            kind: Some(design.kind),
            confidence: (classification.root.confidence * 1000.0).round() / 1000.0,
            ..classification.root.clone()
        },
        key_kind: design.kind,
        scope_kind: design.scope_kind,
        tables: protected(&design),
        open_tables: open(judged),
        resources: resources::counted(&design),
        steps,
        roles: design.roles,
        findings: design.findings,
    }
}

/// Decides everything. `catalog` and `classification` hold a tenant table that is to be made, `original` does not.
pub(crate) fn decide<'a>(
    original: &Catalog,
    catalog: &'a Catalog,
    classification: &Classification,
    registry: &'a Registry,
    options: &Options,
) -> Design<'a> {
    let (roles, mut findings) = roles::names(catalog, registry);
    let (root, kind) = root::design(original, classification, registry, options, &mut findings);
    let scope = scope::design(catalog, registry, &mut findings);
    let tables = tables::design(catalog, classification, registry, &root, scope.as_ref(), &mut findings);
    let lookups = lookups::design(catalog, registry, &tables, &mut findings);
    let existing_roles = objects::existing_roles(catalog, registry, &roles);
    objects::open_to_all(catalog, &mut findings);
    let kept_roles = objects::kept_roles(catalog, registry, &mut findings);
    let mut design = Design {
        catalog,
        registry,
        roles,
        root,
        kind,
        scope_kind: scope.map(|s| s.kind),
        tables,
        references: Vec::new(),
        tenant_keys: Vec::new(),
        uniques: Vec::new(),
        indexes: Vec::new(),
        lookups,
        resources: Vec::new(),
        views: Vec::new(),
        functions: Vec::new(),
        existing_roles,
        kept_roles,
        findings: Vec::new(),
    };
    design.resources = resources::design(&design, &mut findings);
    let mut names = names::Names::new(catalog);
    let (references, targets) = references::design(&design, &mut names, &mut findings);
    design.references = references;
    design.tenant_keys = references::to_created_root(&design);
    design.uniques = uniques::design(&design, &mut names, &mut findings);
    design.indexes = targets;
    let workload = indexes::design(&design, &mut names);
    design.indexes.extend(workload);
    design.views = objects::views(&design);
    design.functions = objects::functions(&design);
    design.findings = findings;
    design
}

/// The tables under a policy, partitions included: what verify attacks.
fn protected(design: &Design<'_>) -> Vec<ProtectedTable> {
    let mut out = Vec::new();
    for (t, bound) in design.bound() {
        for relation in t.relations() {
            out.push(ProtectedTable {
                table: relation.name.clone(),
                class: t.class,
                binding: binding(bound),
                scope_column: t.scope.as_ref().map(|(c, _)| c.clone()),
                partition_of: (relation.name != t.table.name).then(|| t.table.name.clone()),
                writable: t.access == Access::Write,
                primary_key: t.table.primary_key.as_ref().map_or_else(Vec::new, |k| k.columns.clone()),
            });
        }
    }
    out.sort_by(|a, b| a.table.cmp(&b.table));
    out
}

/// The steps themselves do away with the hazard: nobody need act on it.
fn is_cured(hazard: &Finding, steps: &[Step]) -> bool {
    let of_kind = |kind: &'static str| steps.iter().filter(move |s| s.kind == kind);
    // such a step is called kind:table/key, the hazard's object is table.key
    let drops_key = |kind: &'static str| {
        of_kind(kind).any(|s| {
            let key =
                s.id.strip_prefix(kind)
                    .and_then(|id| id.strip_prefix(':')?.strip_prefix(s.object.as_str())?.strip_prefix('/'));
            key.is_some_and(|key| hazard.object == format!("{}.{key}", s.object))
        })
    };
    match hazard.id.as_str() {
        "foreign-key-without-tenant" => drops_key("complete-foreign-keys"),
        "unique-without-tenant" => drops_key("complete-uniques"),
        "view-not-invoker" => of_kind("views-invoker").any(|s| s.object == hazard.object),
        "login-owns-tables" => of_kind("complete-ownership").next().is_some(),
        _ => false,
    }
}

/// The tables without a tenant.
fn open(classification: &Classification) -> Vec<OpenTable> {
    let without = classification.tables.iter().filter(|v| matches!(v.class, Class::Shared | Class::System));
    without
        .map(|v| OpenTable {
            table: v.table.clone(),
            class: v.class,
            reason: v.reasons.first().cloned().unwrap_or_default(),
        })
        .collect()
}

fn binding(bound: &Bound) -> Binding {
    match bound {
        Bound::Column(c) => Binding::Column {
            column: c.column.clone(),
            kind: c.kind,
            added: c.fill.is_some(),
            null_is_shared: c.nulls == Nulls::Shared,
        },
        Bound::Path { way, .. } => Binding::Path { path: way.hops.clone() },
    }
}
