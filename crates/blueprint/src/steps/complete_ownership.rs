//! The application's tables go to a role nobody can log in as: the owner of a table could switch its policies off.
//! Views and functions that run with their owner's rights go with them, so that the policies bind them too.

use super::{object, table};
use crate::catalog::TableKind;
use crate::ddl::table::{function_owner, owner};
use crate::file::{Lock, Phase, Step};
use crate::plan::design::Design;

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let to = &design.roles.owner;
    let mut out = Vec::new();
    for t in design.tables.iter().filter(|t| t.table.kind != TableKind::Foreign) {
        for relation in t.relations().filter(|r| &r.owner != to) {
            let name = &relation.name;
            let mut step = table(Phase::Complete, name, format!("Give {name} to {to}"));
            step.up = vec![owner(name, to)];
            step.down = vec![owner(name, &relation.owner)];
            out.push(step);
        }
    }
    for view in design.catalog.views.iter().filter(|v| !v.materialized) {
        let mut step = object(Phase::Complete, view.name.to_string(), format!("Give view {} to {to}", view.name));
        step.lock = Lock::AccessExclusive;
        step.up = vec![owner(&view.name, to)];
        step.down = vec![owner(&view.name, &view.owner)];
        out.push(step);
    }
    for f in design.functions.iter().filter(|f| f.reowned) {
        let what = format!("{}({})", f.function.name, f.function.arguments);
        let mut step = object(Phase::Complete, what.clone(), format!("Give {what} to {to}"));
        step.up = vec![function_owner(&f.function.signature(), to)];
        step.down = vec![function_owner(&f.function.signature(), &f.function.owner)];
        out.push(step);
    }
    out
}
