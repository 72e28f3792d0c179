//! Views run with the rights of the one who asks, so that the policies hold under them too; then the runtime logins may
//! use them. A view whose readers of today lack rights on its tables waits for `complete`.

use super::object;
use crate::ddl::acl::{self, Kind, Object};
use crate::ddl::table::view_invoker;
use crate::file::{Lock, Phase, Step};
use crate::plan::design::Design;

pub(super) fn steps_apply(design: &Design<'_>) -> Vec<Step> {
    steps(design, Phase::Apply)
}

pub(super) fn steps_complete(design: &Design<'_>) -> Vec<Step> {
    steps(design, Phase::Complete)
}

fn steps(design: &Design<'_>, phase: Phase) -> Vec<Step> {
    let mut out = Vec::new();
    for v in design.views.iter().filter(|v| v.late == (phase == Phase::Complete)) {
        let name = &v.view.name;
        let on = Object { kind: Kind::Table, sql: name.quoted(), owner: v.view.owner.clone() };
        let runtime = &design.roles.runtime;
        let mut step = object(phase, name.to_string(), format!("Bind view {name} to the rights of the one who asks"));
        step.lock = Lock::AccessExclusive;
        if !v.view.security_invoker {
            step.up.push(view_invoker(name, true));
            step.down.push(view_invoker(name, false));
        }
        let words = if v.write { "SELECT, INSERT, UPDATE, DELETE" } else { "SELECT" };
        step.up.push(acl::grant(words, &on, Some(runtime)));
        step.down.insert(0, acl::revoke("ALL", &on, Some(runtime)));
        out.push(step);
    }
    out
}
