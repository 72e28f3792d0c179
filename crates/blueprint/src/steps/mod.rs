//! The steps of a blueprint: one kind a file, each with its SQL forward and back.
//!
//! A step renders what the plan decided and decides nothing. The order of [`ALL`] is the order in which they run; the
//! way back is the reverse. No step may need, on its way back, anything that an earlier step's way back takes away.

mod backfill;
mod complete_defaults;
mod complete_fill;
mod complete_force;
mod complete_foreign_keys;
mod complete_memberships;
mod complete_ownership;
mod complete_policies;
mod complete_quota_limits;
mod complete_revoke;
mod complete_uniques;
mod composite_foreign_key;
mod create_root;
mod credentials;
mod database_rights;
mod functions;
mod grants;
mod indexes;
mod keeper_grants;
mod lookups;
mod not_null;
mod policies;
mod quota_guards;
mod quota_seed;
mod quota_tables;
mod roles;
mod schema_context;
mod schema_rights;
mod sized;
mod tenant_column;
mod tenant_default;
mod tenant_unique;
mod unique_tenant_id;
mod views_invoker;

use tenantry_model::{Ident, QualifiedName};

use crate::ddl::acl::{Kind, Object};
use crate::file::{Effect, Estimate, Lock, Phase, Run, Step};
use crate::plan::design::Design;

/// Makes the steps of one kind.
type Maker = fn(&Design<'_>) -> Vec<Step>;

/// Every kind, in the order in which they run.
const ALL: &[(&str, Maker)] = &[
    // apply
    ("roles", roles::steps),
    ("schema-context", schema_context::steps),
    ("schema-rights", schema_rights::steps),
    ("create-root", create_root::steps),
    ("keeper-grants", keeper_grants::steps),
    ("tenant-column", tenant_column::steps),
    ("backfill", backfill::steps),
    ("not-null", not_null::steps),
    ("unique-tenant-id", unique_tenant_id::steps),
    ("composite-foreign-key", composite_foreign_key::steps),
    ("tenant-unique", tenant_unique::steps),
    ("indexes", indexes::steps),
    ("tenant-default", tenant_default::steps),
    ("policies", policies::steps),
    ("functions", functions::steps),
    ("database-rights", database_rights::steps),
    ("lookups", lookups::steps),
    ("quota-tables", quota_tables::steps),
    ("quota-guards", quota_guards::steps),
    ("quota-seed", quota_seed::steps),
    ("grants", grants::steps),
    ("views-invoker", views_invoker::steps_apply),
    ("credentials", credentials::steps),
    // complete
    ("complete-policies", complete_policies::steps),
    ("complete-defaults", complete_defaults::steps),
    ("complete-fill", complete_fill::steps),
    ("complete-foreign-keys", complete_foreign_keys::steps),
    ("complete-uniques", complete_uniques::steps),
    ("complete-revoke", complete_revoke::steps),
    ("complete-views", views_invoker::steps_complete),
    ("complete-ownership", complete_ownership::steps),
    ("complete-force", complete_force::steps),
    ("complete-quota-limits", complete_quota_limits::steps),
    ("complete-memberships", complete_memberships::steps),
];

/// Every step, in order.
pub(crate) fn all(design: &Design<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for (kind, make) in ALL {
        for mut step in make(design) {
            step.kind = (*kind).to_owned();
            step.id = if step.id.is_empty() { (*kind).to_owned() } else { format!("{kind}:{}", step.id) };
            steps.push(step);
        }
    }
    steps
}

/// A step about the database as a whole, in one transaction, on the catalog only.
fn database(phase: Phase, title: &str) -> Step {
    Step {
        id: String::new(),
        kind: String::new(),
        title: title.to_owned(),
        object: String::new(),
        table: None,
        phase,
        run: Run::Transaction,
        up: Vec::new(),
        down: Vec::new(),
        lock: Lock::None,
        effect: Effect::Catalog,
        estimate: Estimate::default(),
    }
}

/// A step about one table, in one transaction, on the catalog only.
fn table(phase: Phase, name: &QualifiedName, title: String) -> Step {
    Step {
        id: name.to_string(),
        object: name.to_string(),
        table: Some(name.clone()),
        lock: Lock::AccessExclusive,
        ..database(phase, &title)
    }
}

/// A step about some other object.
fn object(phase: Phase, id: String, title: String) -> Step {
    Step { object: id.clone(), id, ..database(phase, &title) }
}

/// A table as an object of rights.
fn table_object(name: &QualifiedName, owner: &Ident) -> Object {
    Object { kind: Kind::Table, sql: name.quoted(), owner: owner.clone() }
}
