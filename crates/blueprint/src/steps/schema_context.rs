//! Schema `tenantry` with the signed context.

use super::database;
use crate::context;
use crate::file::{Phase, Step};
use crate::plan::design::Design;

/// The SQL of the context for this database.
pub(super) fn installed(design: &Design<'_>) -> context::Installed {
    let callers: Vec<_> = std::iter::once(&design.roles.runtime).chain(&design.kept_roles).cloned().collect();
    context::install(&context::Options {
        key: design.kind,
        scope: design.scope_kind,
        keeper: &design.roles.keeper,
        callers: &callers,
        readers: std::slice::from_ref(&design.roles.owner),
    })
}

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let sql = installed(design);
    let mut step = database(Phase::Apply, "Make schema tenantry: the signed context and its keys");
    step.up = sql.up;
    step.down = sql.down;
    vec![step]
}
