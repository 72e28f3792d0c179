//! The default of the tenant column raises without a tenant: nobody writes without one any more.

use super::table;
use super::tenant_default::{concerned, defaults};
use crate::ddl::{column, policy};
use crate::file::{Phase, Step};
use crate::plan::design::Design;

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut out = Vec::new();
    for (t, bound) in concerned(design) {
        let name = &t.table.name;
        let mut step = table(Phase::Complete, name, format!("New rows of {name} need a tenant"));
        for (relation, during, _) in defaults(t, bound) {
            step.up.push(column::default(&relation, &bound.column, Some(&policy::tenant_strict(bound.kind))));
            step.down.push(column::default(&relation, &bound.column, Some(&during)));
        }
        out.push(step);
    }
    out
}
