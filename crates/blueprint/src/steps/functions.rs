//! Functions that run with their owner's rights: PUBLIC may not run them any more, the roles of today may, by name.

use super::object;
use crate::catalog::Function;
use crate::ddl::acl::{self, Kind, Object};
use crate::file::{Phase, Step};
use crate::plan::design::Design;

pub(super) fn object_of(function: &Function) -> Object {
    Object { kind: Kind::Function, sql: function.signature(), owner: function.owner.clone() }
}

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut out = Vec::new();
    for f in design.functions.iter().filter(|f| f.close || f.open) {
        let on = object_of(f.function);
        let what = format!("{}({})", f.function.name, f.function.arguments);
        let mut step = object(Phase::Apply, what.clone(), format!("Settle who may run {what}"));
        let mut touched = Vec::new();
        if f.close {
            for role in design.existing_roles.iter().filter(|r| *r != &f.function.owner) {
                step.up.push(acl::grant("EXECUTE", &on, Some(role)));
                touched.push(role);
            }
            step.up.push(acl::revoke("EXECUTE", &on, None));
        }
        if f.open {
            step.up.push(acl::grant("EXECUTE", &on, Some(&design.roles.runtime)));
            touched.push(&design.roles.runtime);
        }
        step.down = acl::restore(&on, f.function.acl.as_deref(), &touched);
        out.push(step);
    }
    out
}
