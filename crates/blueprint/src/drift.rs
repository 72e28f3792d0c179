//! Is the protection still as it was applied?
//!
//! [`Protection::of`] takes down everything an isolated database's wall is made of; [`compare`] names every brick
//! that is gone, changed or new since. The text of a policy is compared as the server prints it, so nothing here
//! parses SQL. Application changes that leave the wall alone (a new column, a new index) are no drift.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tenantry_model::QualifiedName;

use crate::catalog::{Catalog, Policy, Table};
use crate::file::{Blueprint, Finding, ProtectedTable, Severity};

/// The wall of one database, as it stood at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Protection {
    /// Every protected table, by name.
    pub tables: BTreeMap<String, TableProtection>,
    /// Views that run with their caller's rights.
    pub invoker_views: BTreeSet<String>,
    /// Rights and memberships of the runtime's roles: `role: what`.
    pub runtime: BTreeSet<String>,
}

/// What protects one table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TableProtection {
    /// Row-level security is enabled.
    pub enabled: bool,
    /// It binds the owner too.
    pub forced: bool,
    /// The owner.
    pub owner: String,
    /// Every policy.
    pub policies: Vec<Policy>,
    /// The tenant column (if the table is bound by one) refuses NULL.
    pub not_null: bool,
    /// Foreign keys that carry the tenant, as the server prints them.
    pub foreign_keys: BTreeSet<String>,
    /// Valid unique keys that begin with the tenant: their columns.
    pub uniques: BTreeSet<String>,
    /// What each role that is not the owner may do, as the catalog stores it.
    pub rights: BTreeSet<String>,
    /// Guards of quotas by name: the trigger as the server prints it, if it is not switched off.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub guards: BTreeMap<String, String>,
}

impl Protection {
    /// Takes the wall down as it stands now.
    pub fn of(catalog: &Catalog, blueprint: &Blueprint) -> Self {
        let tables = blueprint
            .tables
            .iter()
            .filter_map(|p| Some((p.table.to_string(), TableProtection::of(catalog.table(&p.table)?, p, blueprint))))
            .collect();
        let views = catalog.views.iter().filter(|v| v.security_invoker && !v.materialized);
        Self {
            tables,
            invoker_views: views.map(|v| v.name.to_string()).collect(),
            runtime: runtime(catalog, blueprint),
        }
    }
}

impl TableProtection {
    fn of(table: &Table, protected: &ProtectedTable, blueprint: &Blueprint) -> Self {
        let name = table.name.to_string();
        let guards: Vec<&tenantry_model::Ident> =
            blueprint.resources.iter().filter_map(|r| r.guards.get(&name)).flatten().collect();
        let tenant = match &protected.binding {
            crate::file::Binding::Column { column, .. } => Some(column),
            crate::file::Binding::Path { .. } => None,
        };
        let carries = |columns: &[tenantry_model::Ident]| tenant.is_some_and(|t| columns.contains(t));
        let owner = table.owner.to_string();
        Self {
            enabled: table.rls_enabled,
            forced: table.rls_forced,
            policies: table.policies.clone(),
            not_null: tenant.and_then(|t| table.column(t.as_str())).is_some_and(|c| c.not_null),
            foreign_keys: table
                .foreign_keys
                .iter()
                .filter(|k| k.validated && k.columns.len() > 1 && carries(&k.columns))
                .map(|k| format!("{} -> {}({})", list(&k.columns), k.references, list(&k.referenced_columns)))
                .collect(),
            uniques: table
                .indexes
                .iter()
                .filter(|i| {
                    i.unique
                        && i.valid
                        && i.keys.first().is_some_and(|k| k.column.as_ref() == tenant && tenant.is_some())
                })
                .map(|i| i.keys.iter().map(|k| k.sql.as_str()).collect::<Vec<_>>().join(", "))
                .collect(),
            rights: table
                .acl
                .iter()
                .flatten()
                .filter(|entry| {
                    !entry.starts_with(&format!("{owner}=")) && !entry.starts_with(&format!("\"{owner}\"="))
                })
                .cloned()
                .collect(),
            guards: table
                .triggers
                .iter()
                .filter(|t| guards.contains(&&t.name) && matches!(t.enabled, 'O' | 'A'))
                .map(|t| (t.name.to_string(), t.definition.clone()))
                .collect(),
            owner,
        }
    }
}

fn list(columns: &[tenantry_model::Ident]) -> String {
    columns.iter().map(|c| c.as_str()).collect::<Vec<_>>().join(", ")
}

/// What the runtime's roles are and belong to, in words that can be compared.
fn runtime(catalog: &Catalog, blueprint: &Blueprint) -> BTreeSet<String> {
    let names = std::iter::once(&blueprint.roles.runtime).chain(&blueprint.roles.slots);
    let mut facts = BTreeSet::new();
    for role in names.filter_map(|n| catalog.role(n.as_str())) {
        let attributes = [
            (role.superuser, "superuser"),
            (role.bypass_rls, "BYPASSRLS"),
            (role.create_role, "CREATEROLE"),
            (role.create_db, "CREATEDB"),
            (role.replication, "REPLICATION"),
        ];
        facts.extend(attributes.iter().filter(|(has, _)| *has).map(|(_, what)| format!("{}: {what}", role.name)));
        facts.extend(role.member_of.iter().map(|group| format!("{}: member of {group}", role.name)));
    }
    facts
}

/// Every difference between the wall as it was applied and as it is, as findings `protection-changed`.
///
/// A table that was protected and is gone is reported as low: its rows are gone with it.
pub fn compare(was: &Protection, is: &Protection) -> Vec<Finding> {
    let mut found = Vec::new();
    for (name, before) in &was.tables {
        match is.tables.get(name) {
            None => found.push(finding(Severity::Low, name, "the table is gone", "run `tenantry plan` again")),
            Some(after) => compare_table(name, before, after, &mut found),
        }
    }
    for view in was.invoker_views.difference(&is.invoker_views) {
        let what = "the view no longer runs with its caller's rights";
        let remedy = format!("ALTER VIEW {} SET (security_invoker = true)", sql_name(view));
        found.push(finding(Severity::Critical, view, what, &remedy));
    }
    for fact in is.runtime.difference(&was.runtime) {
        let (role, what) = fact.split_once(": ").unwrap_or((fact, ""));
        found.push(finding(
            Severity::Critical,
            role,
            &format!("the runtime role gained: {what}"),
            "take it away again",
        ));
    }
    found
}

fn sql_name(text: &str) -> String {
    text.parse::<QualifiedName>().map_or_else(|_| text.to_owned(), |n| n.quoted())
}

fn compare_table(name: &str, was: &TableProtection, is: &TableProtection, found: &mut Vec<Finding>) {
    let sql = sql_name(name);
    let mut report = |severity, what: &str, remedy: &str| found.push(finding(severity, name, what, remedy));
    if was.enabled && !is.enabled {
        let remedy = format!("ALTER TABLE {sql} ENABLE ROW LEVEL SECURITY");
        report(Severity::Critical, "row-level security was switched off", &remedy);
    }
    if was.forced && !is.forced {
        let remedy = format!("ALTER TABLE {sql} FORCE ROW LEVEL SECURITY");
        report(Severity::Critical, "row-level security no longer binds the owner", &remedy);
    }
    for policy in &was.policies {
        match is.policies.iter().find(|p| p.name == policy.name) {
            None => report(Severity::Critical, &format!("policy {} is gone", policy.name), AGAIN),
            Some(now) if now != policy => {
                report(Severity::Critical, &format!("policy {} was changed", policy.name), AGAIN)
            }
            Some(_) => {}
        }
    }
    for policy in is.policies.iter().filter(|p| !was.policies.iter().any(|w| w.name == p.name)) {
        let severity = if policy.permissive { Severity::High } else { Severity::Low };
        report(
            severity,
            &format!("policy {} is new", policy.name),
            "review it; permissive policies are joined with OR",
        );
    }
    if was.owner != is.owner {
        report(
            Severity::High,
            &format!("the owner is now {}", is.owner),
            &format!("ALTER TABLE {sql} OWNER TO the role that owned it"),
        );
    }
    if was.not_null && !is.not_null {
        report(Severity::High, "the tenant column accepts NULL again", AGAIN);
    }
    for key in was.foreign_keys.difference(&is.foreign_keys) {
        report(Severity::High, &format!("the foreign key ({key}) is gone"), AGAIN);
    }
    for key in was.uniques.difference(&is.uniques) {
        report(Severity::Medium, &format!("the unique key ({key}) is gone"), AGAIN);
    }
    for (guard, definition) in &was.guards {
        match is.guards.get(guard) {
            None => report(
                Severity::High,
                &format!("the guard {guard} is gone or switched off: rows are not counted"),
                GUARD,
            ),
            Some(now) if now != definition => report(Severity::High, &format!("the guard {guard} was changed"), GUARD),
            Some(_) => {}
        }
    }
    for right in is.rights.difference(&was.rights) {
        report(Severity::High, &format!("a right was granted: {right}"), "revoke it, or record why it is needed");
    }
}

const AGAIN: &str = "put it back as up.sql of the blueprint has it, or run `tenantry rollback` and apply again";

const GUARD: &str = "put the trigger back as up.sql of the blueprint has it, then count again: SELECT * FROM tenantry.quota_recalculate(tenant)";

fn finding(severity: Severity, object: &str, message: &str, remedy: &str) -> Finding {
    Finding {
        id: "protection-changed".into(),
        severity,
        object: object.into(),
        message: message.into(),
        remedy: remedy.into(),
        blocks: false,
        accepted: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(name: &str, permissive: bool, using: &str) -> Policy {
        Policy {
            name: name.parse().unwrap(),
            permissive,
            command: '*',
            roles: vec!["public".into()],
            using: Some(using.into()),
            check: Some(using.into()),
        }
    }

    fn wall() -> Protection {
        let table = TableProtection {
            enabled: true,
            forced: true,
            owner: "shop_owner".into(),
            policies: vec![policy("tenantry_tenant", false, "(tenant = ( SELECT tenantry.tenant_id()))")],
            not_null: true,
            foreign_keys: BTreeSet::from(["tenant, list -> public.list(tenant, id)".to_owned()]),
            uniques: BTreeSet::from(["tenant, id".to_owned()]),
            rights: BTreeSet::from(["shop_rt=arwd/shop_owner".to_owned()]),
            guards: BTreeMap::from([("tenantry_quota_items_insert".to_owned(), "CREATE TRIGGER …".to_owned())]),
        };
        Protection {
            tables: BTreeMap::from([("public.item".to_owned(), table)]),
            invoker_views: BTreeSet::from(["public.open_items".to_owned()]),
            runtime: BTreeSet::from(["shop_slot_01: member of shop_rt".to_owned()]),
        }
    }

    /// Changes the wall, and returns what `compare` says of it.
    fn said(change: impl FnOnce(&mut TableProtection)) -> Vec<String> {
        let (was, mut is) = (wall(), wall());
        change(is.tables.get_mut("public.item").unwrap());
        compare(&was, &is).into_iter().map(|f| f.message).collect()
    }

    #[test]
    fn an_untouched_wall_has_no_drift() {
        assert_eq!(compare(&wall(), &wall()), vec![]);
    }

    #[test]
    fn every_brick_that_is_gone_is_named() {
        assert_eq!(said(|t| t.enabled = false), ["row-level security was switched off"]);
        assert_eq!(said(|t| t.forced = false), ["row-level security no longer binds the owner"]);
        assert_eq!(said(|t| t.policies.clear()), ["policy tenantry_tenant is gone"]);
        assert_eq!(said(|t| t.policies[0].using = Some("true".into())), ["policy tenantry_tenant was changed"]);
        assert_eq!(said(|t| t.policies.push(policy("mine", true, "true"))), ["policy mine is new"]);
        assert_eq!(said(|t| t.owner = "app".into()), ["the owner is now app"]);
        assert_eq!(said(|t| t.not_null = false), ["the tenant column accepts NULL again"]);
        assert_eq!(said(|t| t.foreign_keys.clear()).len(), 1);
        assert_eq!(
            said(|t| t.guards.clear()),
            ["the guard tenantry_quota_items_insert is gone or switched off: rows are not counted"]
        );
        let other = ("tenantry_quota_items_insert".to_owned(), "CREATE TRIGGER other".to_owned());
        assert_eq!(said(|t| t.guards.extend([other])), ["the guard tenantry_quota_items_insert was changed"]);
        assert_eq!(said(|t| t.uniques.clear()), ["the unique key (tenant, id) is gone"]);
        assert_eq!(said(|t| t.rights.extend(["bi=r/shop_owner".to_owned()])), ["a right was granted: bi=r/shop_owner"]);
    }

    #[test]
    fn views_and_roles_count_too() {
        let (was, mut is) = (wall(), wall());
        is.invoker_views.clear();
        is.runtime.insert("shop_slot_01: BYPASSRLS".into());
        let objects: Vec<_> = compare(&was, &is).into_iter().map(|f| f.object).collect();
        assert_eq!(objects, ["public.open_items", "shop_slot_01"]);
    }

    #[test]
    fn a_wall_survives_its_text_form() {
        let text = serde_json::to_string(&wall()).unwrap();
        assert_eq!(serde_json::from_str::<Protection>(&text).unwrap(), wall());
    }
}
