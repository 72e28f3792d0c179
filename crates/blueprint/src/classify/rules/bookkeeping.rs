//! Tables a framework keeps for itself: migrations, queues, caches.

use super::{Case, Evidence};
use crate::classify::{Class, bookkeeping};

pub(super) fn judge(case: &Case<'_>) -> Option<Evidence> {
    bookkeeping::is_bookkeeping(case.facts, case.table)
        .then(|| Evidence::new(Class::System, 0.96, "a framework keeps it for itself"))
}
