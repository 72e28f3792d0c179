//! The fill triggers go: every writer has a tenant now.

use super::{database, schema_context, table, tenant_column};
use crate::file::{Phase, Step};
use crate::plan::design::Design;

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut out = Vec::new();
    for (t, bound) in design.columns() {
        let Some((take, make)) = tenant_column::filling(design, t, bound) else { continue };
        let name = &t.table.name;
        let mut step = table(Phase::Complete, name, format!("Drop the trigger that filled {} of {name}", bound.column));
        step.up = take;
        step.down = make;
        out.push(step);
    }
    let context = schema_context::installed(design);
    let mut step = database(Phase::Complete, "Close the functions that old writers needed");
    step.up = context.close_up;
    step.down = context.close_down;
    out.push(step);
    out
}
