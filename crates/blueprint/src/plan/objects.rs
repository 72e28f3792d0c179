//! Views, functions and existing roles: what lies beside the tables.

use std::collections::BTreeSet;

use tenantry_model::{Ident, QualifiedName};

use super::design::{Design, FunctionDesign, ViewDesign};
use super::findings::{blocking, note};
use crate::catalog::{Catalog, Function, Table, View};
use crate::ddl::acl::{Item, items};
use crate::file::{Finding, RoleNames, Severity};
use crate::registry::{Access, Registry};

/// Roles that own something here or have a right here by name; ours, superusers and `pg_*` left out. Roles that use
/// the database through PUBLIC alone cannot be told from those of other databases: the registry names those to keep.
pub(super) fn existing_roles(catalog: &Catalog, registry: &Registry, roles: &RoleNames) -> Vec<Ident> {
    let mut found: BTreeSet<Ident> = BTreeSet::new();
    let mut lists: Vec<&Option<Vec<String>>> = vec![&catalog.database_acl];
    found.extend(catalog.database_owner.clone());
    for s in &catalog.schemas {
        found.insert(s.owner.clone());
        lists.push(&s.acl);
    }
    for t in &catalog.tables {
        found.insert(t.owner.clone());
        lists.push(&t.acl);
    }
    for v in &catalog.views {
        found.insert(v.owner.clone());
        lists.push(&v.acl);
    }
    for f in &catalog.functions {
        found.insert(f.owner.clone());
        lists.push(&f.acl);
    }
    for s in &catalog.sequences {
        found.insert(s.owner.clone());
        lists.push(&s.acl);
    }
    let all: Vec<Item> = lists.into_iter().flatten().flat_map(|acl| items(acl)).collect();
    found.extend(all.iter().filter_map(|i| i.grantee.clone()));
    found.extend(registry.roles.keep.keys().filter_map(|name| catalog.role(name)).map(|r| r.name.clone()));
    let ours = [&roles.keeper, &roles.owner, &roles.runtime];
    found
        .into_iter()
        .filter(|r| {
            !ours.contains(&r)
                && !roles.slots.contains(r)
                && roles.quota.as_ref() != Some(r)
                && !r.as_str().starts_with("pg_")
        })
        .filter(|r| catalog.role(r.as_str()).is_some_and(|r| !r.superuser))
        .collect()
}

/// A word to those whose tables are open to everybody.
pub(super) fn open_to_all(catalog: &Catalog, findings: &mut Vec<Finding>) {
    let open = |t: &&Table| t.acl.as_ref().is_some_and(|acl| items(acl).iter().any(|i| i.grantee.is_none()));
    if let Some(table) = catalog.tables.iter().find(open) {
        findings.push(note(
            "open-to-all",
            Severity::Medium,
            &table.name,
            format!("Everybody has rights on {} (PUBLIC). A login that works through PUBLIC alone loses temporary tables and functions with their owner's rights at apply, and everything at complete.", table.name),
            "Name logins that must go on working under [roles.keep] in tenantry.toml.",
        ));
    }
}

/// The roles the registry keeps; a finding that blocks for each that does not exist.
pub(super) fn kept_roles(catalog: &Catalog, registry: &Registry, findings: &mut Vec<Finding>) -> Vec<Ident> {
    let mut kept = Vec::new();
    for name in registry.roles.keep.keys() {
        match catalog.role(name) {
            Some(role) if !role.superuser && !role.bypass_rls => kept.push(role.name.clone()),
            Some(_) => {} // No policy holds for it anyway; hazards speak of it.
            None => findings.push(blocking(
                "role-missing",
                name,
                format!("The role {name}, which shall keep working, does not exist."),
                "Correct its name under [roles.keep] in tenantry.toml.",
            )),
        }
    }
    kept
}

/// Views that the runtime logins get: those whose every table they may read, as security invokers.
pub(super) fn views<'a>(design: &Design<'a>) -> Vec<ViewDesign<'a>> {
    let mut out = Vec::new();
    for view in &design.catalog.views {
        let decided = design.registry.views.get(&view.name.to_string()).map(|e| e.access);
        let access = decided.unwrap_or(Access::Read);
        let granted = access != Access::None
            && !view.materialized
            && !view.depends_on.is_empty()
            && readable(design, view, &mut Vec::new());
        if granted {
            out.push(ViewDesign { view, write: access == Access::Write, late: !rights_suffice(design.catalog, view) });
        }
    }
    out
}

/// Every relation under the view is one the runtime logins may read.
fn readable(design: &Design<'_>, view: &View, seen: &mut Vec<QualifiedName>) -> bool {
    if seen.contains(&view.name) {
        return true;
    }
    seen.push(view.name.clone());
    view.depends_on.iter().all(|name| {
        if let Some(t) = design.table(name) {
            return t.access != Access::None;
        }
        match design.catalog.views.iter().find(|v| &v.name == name) {
            Some(v) => !v.materialized && readable(design, v, seen),
            None => false,
        }
    })
}

/// Everybody who may read the view may read what is under it, so making it an invoker takes nothing from anybody.
fn rights_suffice(catalog: &Catalog, view: &View) -> bool {
    let holders = view.acl.as_ref().map(|acl| items(acl)).unwrap_or_default();
    holders.iter().filter(|i| i.has('r')).all(|holder| {
        let Some(role) = &holder.grantee else { return false };
        if role == &view.owner || catalog.role(role.as_str()).is_some_and(|r| r.superuser) {
            return true;
        }
        view.depends_on.iter().all(|name| {
            let (owner, acl) = match (catalog.table(name), catalog.views.iter().find(|v| &v.name == name)) {
                (Some(t), _) => (&t.owner, &t.acl),
                (None, Some(v)) => (&v.owner, &v.acl),
                (None, None) => return false,
            };
            owner == role
                || acl.as_ref().is_some_and(|acl| {
                    items(acl).iter().any(|i| i.has('r') && (i.grantee.is_none() || i.grantee.as_ref() == Some(role)))
                })
        })
    })
}

/// Definer functions close to PUBLIC; the registry opens those the runtime logins need.
pub(super) fn functions<'a>(design: &Design<'a>) -> Vec<FunctionDesign<'a>> {
    let mut out = Vec::new();
    for function in &design.catalog.functions {
        let decided = design.registry.functions.get(&key(function)).map(|e| e.access);
        let public =
            function.acl.as_ref().is_none_or(|acl| items(acl).iter().any(|i| i.grantee.is_none() && i.has('X')));
        let definer = function.security_definer;
        let close = public && (definer || decided == Some(Access::None));
        let open = decided.is_some_and(|a| a != Access::None);
        if close || open || definer {
            out.push(FunctionDesign { function, close, open, reowned: definer && decided.is_none() });
        }
    }
    out
}

/// How the registry names a function.
fn key(function: &Function) -> String {
    format!("{}({})", function.name, function.arguments)
}
