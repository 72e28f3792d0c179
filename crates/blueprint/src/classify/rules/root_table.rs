//! The tenant table itself.

use super::{Case, Evidence};
use crate::classify::Class;

pub(super) fn judge(case: &Case<'_>) -> Option<Evidence> {
    (case.root == Some(case.table)).then(|| Evidence::new(Class::Root, 1.0, "it is the tenant table"))
}
