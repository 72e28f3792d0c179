//! Rights of our roles on the application's schemas.
//!
//! The owner needs USAGE because foreign key checks run with the rights of a table's owner, and CREATE because only
//! who may create in a schema can be given a table there. The keeper reads along foreign key paths. The runtime
//! logins get USAGE and never CREATE.

use super::object;
use crate::ddl::acl::{Kind, Object, grant, revoke};
use crate::file::{Phase, Step};
use crate::plan::design::Design;

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let roles = &design.roles;
    let mut out = Vec::new();
    for schema in &design.catalog.schemas {
        let used = design.tables.iter().any(|t| t.table.name.schema == schema.name)
            || design.views.iter().any(|v| v.view.name.schema == schema.name)
            || design.functions.iter().any(|f| f.function.name.schema == schema.name)
            || design.root.table.as_ref().is_some_and(|t| t.schema == schema.name);
        if !used {
            continue;
        }
        let on = Object { kind: Kind::Schema, sql: schema.name.quoted(), owner: schema.owner.clone() };
        let rights = [(&roles.runtime, "USAGE"), (&roles.keeper, "USAGE"), (&roles.owner, "USAGE, CREATE")];
        let mut step =
            object(Phase::Apply, schema.name.to_string(), format!("Let the new roles into schema {}", schema.name));
        for (role, words) in rights {
            step.up.push(grant(words, &on, Some(role)));
            step.down.insert(0, revoke("ALL", &on, Some(role)));
        }
        out.push(step);
    }
    out
}
