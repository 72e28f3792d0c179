//! Nothing leads from the table to a tenant, and nothing says that it belongs to all.

use super::{Case, Evidence};
use crate::classify::Class;

pub(super) fn judge(case: &Case<'_>) -> Option<Evidence> {
    let name = case.name(case.table);
    let undecided_parent =
        case.references().iter().any(|r| r.target != case.table && case.class_of(r.target).is_none());
    let mut e = Evidence::new(
        Class::Unknown,
        if undecided_parent { 0.2 } else { 0.3 },
        "no column and no reference leads to a tenant",
    );
    e.question = Some(format!(
        "Do rows of {name} belong to a tenant (then: by which column or path), or are they the same for everybody (then: shared)?"
    ));
    Some(e)
}
