//! The counters of quotas in schema `tenantry`, and the group that may set limits. Nothing where nothing is counted.

use super::database;
use crate::file::{Phase, Step};
use crate::plan::design::Design;
use crate::quota::{self, Options};

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let (Some(admin), false) = (&design.roles.quota, design.resources.is_empty()) else { return Vec::new() };
    let callers: Vec<_> = std::iter::once(&design.roles.runtime).chain(&design.kept_roles).cloned().collect();
    let sql = quota::install(&Options { key: design.kind, keeper: &design.roles.keeper, admin, callers: &callers });
    let mut step = database(Phase::Apply, "Make the counters of quotas and the functions that set limits");
    step.up = sql.up;
    step.down = sql.down;
    vec![step]
}

/// These statements with the keeper's rights, which the one who runs this may take but need not have.
pub(super) fn as_keeper(design: &Design<'_>, statements: Vec<String>) -> Vec<String> {
    let become_it = crate::ddl::role::set_local(&design.roles.keeper);
    std::iter::once(become_it).chain(statements).chain([crate::ddl::role::RESET.to_owned()]).collect()
}
