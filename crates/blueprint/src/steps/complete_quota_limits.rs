//! The default limits hold. Until here no statement of the application is refused for them.

use super::object;
use super::quota_tables::as_keeper;
use crate::file::{Phase, Step};
use crate::plan::design::Design;
use tenantry_model::literal;

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut out = Vec::new();
    for r in &design.resources {
        let Some(limit) = r.limit else { continue };
        let name = &r.guard.resource;
        let mut step = object(
            Phase::Complete,
            name.clone(),
            format!("Limit {name} to {limit} for every tenant for which nobody chose another limit"),
        );
        let name = literal(name);
        step.up = as_keeper(design, vec![format!("SELECT tenantry.quota_apply_default({name}, {limit})")]);
        step.down = as_keeper(design, vec![format!("SELECT tenantry.quota_apply_default({name}, NULL)")]);
        out.push(step);
    }
    out
}
