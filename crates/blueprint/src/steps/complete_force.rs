//! The policies hold the tables' owner too.

use super::table;
use crate::ddl::table::{Switch, row_security};
use crate::file::{Phase, Step};
use crate::plan::design::Design;

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut out = Vec::new();
    for (t, _) in design.bound() {
        for relation in t.relations().filter(|r| !r.rls_forced) {
            let name = &relation.name;
            let mut step = table(Phase::Complete, name, format!("The policies of {name} hold its owner too"));
            step.up = vec![row_security(name, Switch::Force)];
            step.down = vec![row_security(name, Switch::NoForce)];
            out.push(step);
        }
    }
    out
}
