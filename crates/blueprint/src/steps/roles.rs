//! The database roles. Roles are cluster-wide, so their names carry the database's.
//!
//! The one who runs this becomes a member of keeper and owner, because only a member may give objects to a role; a
//! superuser would not need it and takes no harm. `complete` ends that membership.

use super::database;
use crate::ddl::role;
use crate::file::{Phase, Step};
use crate::plan::design::Design;

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let roles = &design.roles;
    let mut step = database(Phase::Apply, "Make the database roles: keeper, owner, runtime group and its logins");
    for group in [&roles.keeper, &roles.owner, &roles.runtime] {
        step.up.push(role::create_group(group));
    }
    step.up.extend(roles.quota.as_ref().map(role::create_group));
    for slot in &roles.slots {
        step.up.push(role::create_login(slot));
        step.up.push(role::grant(&roles.runtime, &slot.quoted()));
    }
    for member in [&roles.keeper, &roles.owner] {
        step.up.push(role::grant(member, "CURRENT_USER"));
    }
    // Tables made by the owner role since then must outlive it.
    step.down.push(role::hand_over(&roles.owner));
    for name in roles.slots.iter().chain(&roles.quota).chain([&roles.runtime, &roles.owner, &roles.keeper]) {
        step.down.push(role::drop(name));
    }
    vec![step]
}
