//! The first count of a resource, with writers going on. Its way back goes with the counters.

use super::{object, sized};
use crate::ddl::policy;
use crate::file::{Effect, Lock, Phase, Step};
use crate::plan::design::Design;
use crate::quota::guard::Measure;

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut out = Vec::new();
    for r in &design.resources {
        let guard = &r.guard;
        let mut step =
            object(Phase::Apply, guard.resource.clone(), format!("Count {} in {}", guard.resource, guard.table));
        step.table = Some(guard.table.clone());
        step.lock = Lock::None;
        if guard.measure != Measure::Monthly
            && let Some(t) = design.table(&guard.table)
        {
            step.lock = Lock::RowExclusive;
            step.effect = Effect::Scan;
            step.estimate = sized::sum(t.leaves().map(sized::scan));
        }
        // the keeper reads every row: no policy of the application holds it, and ours do not name it
        step.up = super::quota_tables::as_keeper(design, guard.seed());
        step.up.insert(0, policy::READ_BY_POLICY.to_owned());
        out.push(step);
    }
    out
}
