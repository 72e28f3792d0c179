//! In a database without tenancy: a child that would follow its parent.

use super::{Case, Evidence};
use crate::classify::Class;
use crate::classify::references::{Reference, Role};

pub(super) fn judge(case: &Case<'_>) -> Option<Evidence> {
    let extends_a_person = case.references().iter().any(|r| case.facts.people[r.target] && r.target != case.table);
    if case.facts.people[case.table] && !extends_a_person {
        return None;
    }
    let mut parents: Vec<&Reference> = case
        .references()
        .iter()
        .filter(|r| r.target != case.table && !case.is_actor(r) && r.role != Role::Pointer && !r.qualified)
        // a part of something that may be missing is owned by it only if nothing else refers to the part
        .filter(|r| {
            let leaf = case.facts.incoming[case.table].iter().all(|(from, _)| *from == case.table);
            let nameless = !case.facts.has_column(case.table, &["name", "title", "subject", "slug"]);
            !r.nullable || case.facts.lax || leaf && (r.cascade || nameless && !r.set_null)
        })
        .filter(|r| case.class_of(r.target).is_some_and(Class::is_scoped))
        .filter(|r| r.enforced || !authored(case, r))
        .collect();
    parents.sort_by_key(|r| (r.nullable, case.facts.people[r.target], !r.enforced, !r.cascade));
    let best = parents.first()?;
    let mut e = Evidence::new(
        Class::Indirect,
        if best.enforced { 0.93 } else { 0.82 },
        format!(
            "{} leads to {}; it would follow once that has a tenant",
            super::list(&best.columns),
            case.name(best.target)
        ),
    );
    e.path =
        std::iter::once(case.hop(best)).chain(case.settled[best.target].iter().flat_map(|s| s.path.clone())).collect();
    e.nullable = best.nullable;
    Some(e)
}

/// Written by a person without being the person's: others refer to it.
fn authored(case: &Case<'_>, r: &Reference) -> bool {
    case.facts.people[r.target]
        && !case.facts.incoming[case.table].is_empty()
        && !case.facts.has_word(case.table, &["user"])
}
