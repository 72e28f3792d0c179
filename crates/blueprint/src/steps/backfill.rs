//! Fills the tenant column of rows that exist, range of pages by range of pages, along the foreign key path.

use super::{sized, table};
use crate::ddl::backfill::batch;
use crate::file::{Effect, Lock, Phase, Run, Step};
use crate::plan::design::{Design, Fill};

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut out = Vec::new();
    for (t, bound) in design.columns() {
        let Some(Fill::Along(way)) = &bound.fill else { continue };
        for leaf in t.leaves() {
            let tables = way.hops.iter().map(|h| h.references.to_string()).collect::<Vec<_>>().join(" and ");
            let mut step =
                table(Phase::Apply, &leaf.name, format!("Fill {} of {} from {tables}", bound.column, leaf.name));
            step.run = Run::Backfill { table: leaf.name.clone(), column: bound.column.clone() };
            step.up = vec![batch(&leaf.name, &bound.column, way)];
            step.lock = Lock::RowExclusive;
            step.effect = Effect::Batches;
            step.estimate = sized::backfill(leaf);
            out.push(step);
        }
    }
    out
}
