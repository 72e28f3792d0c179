//! People who log in, where they may belong to several tenants: shared, unless they carry a tenant.

use super::{Case, Evidence};
use crate::classify::Class;

pub(super) fn judge(case: &Case<'_>) -> Option<Evidence> {
    case.facts.people[case.table]
        .then(|| Evidence::new(Class::Shared, 0.8, "people who log in; one person may belong to several tenants"))
}
