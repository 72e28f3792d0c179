//! The names of the database roles, from the registry's patterns.

use tenantry_model::Ident;

use crate::catalog::Catalog;
use crate::file::{Finding, RoleNames, Severity};
use crate::registry::Registry;

/// Most runtime logins one blueprint makes.
const SLOTS_MAX: u16 = 500;

/// The role names of this database, and a blocking finding for each that is taken or cannot be a name.
pub(super) fn names(catalog: &Catalog, registry: &Registry) -> (RoleNames, Vec<Finding>) {
    let entries = &registry.roles;
    let named = |pattern: &str, suffix: &str| match pattern.split_once("{database}") {
        Some((before, after)) => Ident::composed(before, &catalog.database, &format!("{after}{suffix}")),
        None => Ident::composed("", pattern, suffix),
    };
    let slots = entries.slots.clamp(1, SLOTS_MAX);
    let roles = RoleNames {
        keeper: named(&entries.keeper, ""),
        owner: named(&entries.owner, ""),
        runtime: named(&entries.runtime, ""),
        slots: (1..=slots).map(|n| named(&entries.slot_prefix, &format!("{n:02}"))).collect(),
        quota: (!registry.resources.is_empty()).then(|| named(&entries.quota, "")),
    };
    let mut findings: Vec<Finding> = all(&roles)
        .filter(|role| catalog.role(role.as_str()).is_some())
        .map(|role| Finding {
            id: "role-exists".to_owned(),
            severity: Severity::High,
            object: role.to_string(),
            message: format!(
                "The role {role}, which tenantry would make, exists already. It may belong to somebody else."
            ),
            remedy: "Drop it, or give tenantry another name under [roles] in tenantry.toml.".to_owned(),
            blocks: true,
            accepted: None,
        })
        .collect();
    let mut seen: Vec<&Ident> = Vec::new();
    for role in all(&roles) {
        if seen.contains(&role) {
            findings.push(Finding {
                id: "role-names-clash".to_owned(),
                severity: Severity::High,
                object: role.to_string(),
                message: format!("Two roles of this blueprint would both be named {role}."),
                remedy:
                    "Give each of keeper, owner, runtime, quota and slot_prefix its own name under [roles] in tenantry.toml."
                        .to_owned(),
                blocks: true,
                accepted: None,
            });
        }
        seen.push(role);
    }
    if entries.slots != slots {
        findings.push(Finding {
            id: "slots-out-of-range".to_owned(),
            severity: Severity::Medium,
            object: "[roles] slots".to_owned(),
            message: format!("{} runtime logins were asked for; {slots} are planned.", entries.slots),
            remedy: format!("Ask for 1 to {SLOTS_MAX}, one per pooled connection."),
            blocks: false,
            accepted: None,
        });
    }
    (roles, findings)
}

/// Every role of a blueprint.
fn all(roles: &RoleNames) -> impl Iterator<Item = &Ident> {
    [&roles.keeper, &roles.owner, &roles.runtime].into_iter().chain(&roles.slots).chain(&roles.quota)
}
