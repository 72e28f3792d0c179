//! Unique keys with the tenant in front, beside the global ones, which go at `complete`.

use super::indexes::build;
use crate::file::Step;
use crate::plan::design::Design;

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut out = Vec::new();
    for u in &design.uniques {
        let Some(t) = design.table(&u.table.name) else { continue };
        for index in &u.replacement {
            out.extend(build(t, index, &format!("{} with the tenant in front", u.index.name)));
        }
    }
    out
}
