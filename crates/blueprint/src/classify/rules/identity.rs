//! People who log in, where they may belong to several tenants: shared, unless they carry a tenant.

use super::{Case, Evidence};
use crate::classify::Class;
use crate::classify::references::Role;

pub(super) fn judge(case: &Case<'_>) -> Option<Evidence> {
    // who must have a site, a branch, a role of a tenant belongs to that one: wait until it is known what they are
    let must_have = case.references().iter().any(|r| {
        r.target != case.table
            && !r.nullable
            && r.role == Role::Owner
            && !case.facts.people[r.target]
            && case.class_of(r.target).is_none_or(Class::is_scoped)
    });
    (case.facts.people[case.table] && !must_have)
        .then(|| Evidence::new(Class::Shared, 0.8, "people who log in; one person may belong to several tenants"))
}
