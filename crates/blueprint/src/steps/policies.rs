//! The wall: row-level security on every table of tenants, and on every partition, because a policy on the parent does
//! not hold when the partition is read directly.
//!
//! Until `complete` the restrictive policies are for the runtime logins alone, so that old logins go on as before.

use tenantry_model::{Ident, KeyKind, QualifiedName};

use super::table;
use crate::catalog::Table;
use crate::ddl::acl::{self, Kind, Object};
use crate::ddl::function::visible;
use crate::ddl::policy::{self, Audience, NewPolicy};
use crate::ddl::table::{Switch, function_owner, row_security};
use crate::file::{Phase, Step};
use crate::plan::design::{Bound, Design, Nulls, TableDesign};
use crate::plan::search_path;

/// Names of the policies on every table.
const BASE: &str = "tenantry_base";
const LOOKUP: &str = "tenantry_lookup";

/// A policy and whom it is for, until `complete` and after.
pub(super) struct Planned {
    pub(super) policy: NewPolicy,
    pub(super) during: Audience,
    pub(super) after: Audience,
}

/// Every policy of one relation (the table or a partition of it).
pub(super) fn planned(design: &Design<'_>, t: &TableDesign<'_>, relation: &Table) -> Vec<Planned> {
    let Some(bound) = &t.bound else { return Vec::new() };
    let runtime = Audience::Roles(vec![design.roles.runtime.clone()]);
    let after = after(design, t);
    let every_row = every_row(bound, relation);
    let mut out = Vec::new();
    if !t.own_rules {
        // Where policies stood already, everybody but us goes on under them.
        let during = if relation.rls_enabled {
            Audience::Roles(vec![design.roles.runtime.clone(), design.roles.keeper.clone()])
        } else {
            Audience::Public
        };
        let all = NewPolicy {
            name: Ident::composed("", BASE, ""),
            permissive: true,
            command: "ALL",
            using: Some(every_row.clone()),
            check: Some(every_row.clone()),
        };
        out.push(Planned { policy: all, during, after: known_roles(design) });
    }
    let row = relation.name.name.quoted();
    let mut restrict = |suffix: &str, command: &'static str, using: Option<String>, check: Option<String>| {
        let policy =
            NewPolicy { name: Ident::composed("tenantry_", suffix, ""), permissive: false, command, using, check };
        out.push(Planned { policy, during: runtime.clone(), after: after.clone() });
    };
    // Rows are found with the function itself, which the planner asks for its estimate: behind a subselect it would
    // expect one row of a tenant that has a million. Rows are written with the subselect, asked once per statement.
    let (seen, own, null) = match bound {
        Bound::Column(c) => (
            policy::equals(&c.column, &policy::tenant_strict(c.kind)),
            policy::equals(&c.column, &policy::tenant(c.kind)),
            vec![format!("{} IS NULL", c.column.quoted())],
        ),
        Bound::Path { way, .. } => {
            let kind = end_kind(design, way);
            let first = way.hops.first();
            let null = first
                .filter(|h| !h.reverse)
                .map_or_else(Vec::new, |h| h.columns.iter().map(|c| format!("{row}.{} IS NULL", c.quoted())).collect());
            let own = policy::along(way, &row, &policy::tenant(kind));
            (own.clone(), own, null)
        }
    };
    if t.nulls() == Nulls::Shared && !null.is_empty() {
        // Read by all, written by none: without the two below, a tenant could delete a shared row or make it its own.
        restrict("tenant", "ALL", Some(format!("{seen} OR {}", null.join(" OR "))), Some(own));
        restrict("tenant_update", "UPDATE", Some(seen.clone()), None);
        restrict("tenant_delete", "DELETE", Some(seen), None);
    } else {
        restrict("tenant", "ALL", Some(seen), Some(own));
    }
    if let Some((column, kind)) = &t.scope {
        let scope = policy::scope(*kind);
        let whole = format!("{scope} IS NULL");
        let own = policy::equals(column, &scope);
        restrict(
            "scope",
            "ALL",
            Some(format!("{whole} OR {own} OR {} IS NULL", column.quoted())),
            Some(format!("{whole} OR {own}")),
        );
        restrict("scope_update", "UPDATE", Some(format!("{whole} OR {own}")), None);
        restrict("scope_delete", "DELETE", Some(format!("{whole} OR {own}")), None);
    }
    for reference in design.references.iter().filter(|r| r.guarded && r.table.name == t.table.name) {
        let key = reference.key;
        let seen = if key.references == t.table.name {
            policy::parent_visible_by(&row, &key.columns, &guard(&t.table.name, &key.name))
        } else {
            policy::parent_visible(&row, &key.columns, &key.references, &key.referenced_columns)
        };
        for (word, command) in [("insert", "INSERT"), ("update", "UPDATE")] {
            restrict(
                &format!("{word}_{}", key.name),
                command,
                (command == "UPDATE").then(|| "true".to_owned()),
                Some(seen.clone()),
            );
        }
    }
    if design.looked_up(&t.table.name) {
        let keeper = Audience::Roles(vec![design.roles.keeper.clone()]);
        let policy = NewPolicy {
            name: Ident::composed("", LOOKUP, ""),
            permissive: true,
            command: "SELECT",
            using: Some(every_row),
            check: None,
        };
        out.push(Planned { policy, during: keeper.clone(), after: keeper });
    }
    out
}

/// Whom the policies hold after `complete`: everybody. On a table with a look-up, or with rows that are counted, everybody by name instead: whoever
/// is not named has no permissive policy and sees nothing, and the keeper, whose look-up sees the one row that
/// matches, is not held by the restrictive ones. A role that takes itself off both lists sees nothing either.
fn after(design: &Design<'_>, t: &TableDesign<'_>) -> Audience {
    if !design.looked_up(&t.table.name) {
        return Audience::Public;
    }
    known_roles(design)
}

/// The roles that keep rights after `complete`, by name: let up to the restrictive policies, which raise without a
/// context. A role that nobody knows of has no permissive policy and sees nothing.
fn known_roles(design: &Design<'_>) -> Audience {
    let roles = [&design.roles.runtime, &design.roles.owner].into_iter().chain(&design.kept_roles);
    Audience::Roles(roles.cloned().collect())
}

/// A condition that every row meets: a column that is never NULL is not NULL. A bare `true` would say the same, but
/// linters rightly distrust it. The tenant column if it will do, because its indexes then still answer alone.
fn every_row(bound: &Bound, relation: &Table) -> String {
    let tenant = match bound {
        Bound::Column(c) => relation.column(c.column.as_str()),
        Bound::Path { .. } => None,
    };
    let key = relation.primary_key.iter().flat_map(|k| &k.columns).filter_map(|c| relation.column(c.as_str()));
    let mut never_null = tenant.into_iter().chain(key).chain(&relation.columns).filter(|c| c.not_null);
    never_null.next().map_or_else(|| "true".to_owned(), |c| format!("{} IS NOT NULL", c.name.quoted()))
}

/// The type of the column at the end of a way.
fn end_kind(design: &Design<'_>, way: &crate::ddl::path::Way) -> KeyKind {
    way.hops
        .last()
        .and_then(|h| design.catalog.table(&h.references)?.column(way.column.as_str())?.key_kind())
        .unwrap_or(design.kind)
}

/// The function that asks for a row of the table itself.
fn guard(table: &QualifiedName, key: &Ident) -> QualifiedName {
    QualifiedName::new(
        Ident::composed("tenantry", "", ""),
        Ident::composed("tenantry_parent_", &format!("{table}.{key}"), ""),
    )
}

/// Statements that make those functions of a table, and that take them away.
fn guards(design: &Design<'_>, t: &TableDesign<'_>) -> (Vec<String>, Vec<String>) {
    let (mut up, mut down) = (Vec::new(), Vec::new());
    let name = &t.table.name;
    for r in design.references.iter().filter(|r| r.guarded && &r.table.name == name && &r.key.references == name) {
        let types: Vec<String> = r
            .key
            .referenced_columns
            .iter()
            .filter_map(|c| t.table.column(c.as_str()))
            .map(|c| c.data_type.clone())
            .collect();
        let function = guard(name, &r.key.name);
        let signature = format!("{}({})", function.quoted(), types.join(", "));
        let path = search_path(design.catalog, types.iter().map(String::as_str));
        let on = Object { kind: Kind::Function, sql: signature.clone(), owner: design.roles.keeper.clone() };
        up.push(visible(&function, &types, name, &r.key.referenced_columns, &path));
        up.push(acl::revoke("ALL", &on, None));
        up.push(function_owner(&signature, &design.roles.keeper));
        for role in [&design.roles.runtime, &design.roles.owner].into_iter().chain(&design.kept_roles) {
            up.push(acl::grant("EXECUTE", &on, Some(role)));
        }
        down.push(format!("DROP FUNCTION IF EXISTS {signature}"));
    }
    (up, down)
}

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut out = Vec::new();
    for (t, _) in design.bound() {
        for relation in t.relations() {
            let name = &relation.name;
            let mut step = table(Phase::Apply, name, format!("Row-level security on {name}"));
            if *name == t.table.name {
                let (make, take) = guards(design, t);
                step.up = make;
                step.down = take;
            }
            for p in planned(design, t, relation) {
                step.up.push(policy::create(name, &p.policy, &p.during));
                step.down.insert(0, policy::drop(name, &p.policy.name));
            }
            if !relation.rls_enabled {
                step.up.push(row_security(name, Switch::Enable));
                step.down.insert(0, row_security(name, Switch::Disable));
            }
            out.push(step);
        }
    }
    out
}
