//! Unique indexes over the tenant and a key: what foreign keys that hold the tenant refer to.

use super::indexes::build;
use crate::file::Step;
use crate::plan::design::Design;

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let targets = design.indexes.iter().filter(|i| i.target);
    targets.filter_map(|i| Some(build(design.table(&i.table.name)?, &i.index, &i.why))).flatten().collect()
}
