//! A scoped table that joins people to the tenant or to something inside it.

use super::{Case, Evidence};
use crate::classify::{Class, membership};

pub(super) fn judge(case: &Case<'_>) -> Option<Evidence> {
    case.class_of(case.table).filter(|c| matches!(c, Class::Direct | Class::Indirect))?;
    let (person, group) = membership::joined(case.facts, case.table, case.root)?;
    let list = case.references();
    let scoped = case.class_of(list[group].target).is_some_and(Class::is_scoped);
    scoped.then(|| {
        Evidence::new(
            Class::Membership,
            0.97,
            if person == group {
                format!("its name says that it joins people to {}", case.name(list[group].target))
            } else {
                format!("joins {} to {}", case.name(list[person].target), case.name(list[group].target))
            },
        )
    })
}
