//! The one who ran this leaves the role that owns the tables. On the way back it joins it again first. It stays in the
//! keeper's, which it needs to reach the journal.

use super::database;
use crate::ddl::role;
use crate::file::{Phase, Step};
use crate::plan::design::Design;

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut step = database(Phase::Complete, "Leave the role that owns the tables");
    step.up = vec![role::revoke(&design.roles.owner, "CURRENT_USER")];
    step.down = vec![role::grant(&design.roles.owner, "CURRENT_USER")];
    vec![step]
}
