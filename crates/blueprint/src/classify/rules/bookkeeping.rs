//! Tables a framework keeps for itself: migrations, queues, caches.

use super::{Case, Evidence};
use crate::classify::{Class, bookkeeping};

pub(super) fn judge(case: &Case<'_>) -> Option<Evidence> {
    let own = bookkeeping::is_bookkeeping(case.facts, case.table);
    // `jobs` of a project are the project's: wait until it is known what they refer to
    let refers = case.references().iter().any(|r| {
        r.target != case.table
            && !case.facts.people[r.target]
            && case.class_of(r.target).is_none_or(Class::is_scoped)
            && !bookkeeping::is_bookkeeping(case.facts, r.target)
    });
    (own && !refers).then(|| Evidence::new(Class::System, 0.96, "a framework keeps it for itself"))
}
