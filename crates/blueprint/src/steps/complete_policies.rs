//! The policies hold everybody.

use super::policies::planned;
use super::table;
use crate::ddl::policy::audience;
use crate::file::{Phase, Step};
use crate::plan::design::Design;

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut out = Vec::new();
    for (t, _) in design.bound() {
        for relation in t.relations() {
            let name = &relation.name;
            let mut step = table(Phase::Complete, name, format!("The policies of {name} hold everybody"));
            for p in planned(design, t, relation).iter().filter(|p| p.during != p.after) {
                step.up.push(audience(name, &p.policy.name, &p.after));
                step.down.insert(0, audience(name, &p.policy.name, &p.during));
            }
            if !step.up.is_empty() {
                out.push(step);
            }
        }
    }
    out
}
