//! A table that relates two tenants: parent and child, giver and receiver.

use super::{Case, Evidence};
use crate::classify::Class;
use crate::classify::references::Role;

pub(super) fn judge(case: &Case<'_>) -> Option<Evidence> {
    let root = case.root.filter(|r| *r != case.table)?;
    let sides: Vec<_> = case.references().iter().filter(|r| r.target == root && r.role == Role::Relation).collect();
    let owner = case.references().iter().any(|r| r.target == root && matches!(r.role, Role::Owner | Role::Actor));
    if sides.len() < 2 || owner {
        return None;
    }
    let columns: Vec<_> = sides.iter().flat_map(|r| r.columns.clone()).collect();
    let mut e = Evidence::new(Class::Unknown, 0.9, format!("{} both name a tenant", super::list(&columns)));
    e.question = Some(format!(
        "A row relates two tenants ({}). Which of them owns it, or may both see it (then: shared, read only)?",
        super::list(&columns)
    ));
    Some(e)
}
