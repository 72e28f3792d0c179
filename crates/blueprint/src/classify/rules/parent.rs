//! A child: it refers to a table whose rows belong to a tenant.

use super::{Case, Evidence};
use crate::classify::references::{Reference, Role};
use crate::classify::{Class, auth};

pub(super) fn judge(case: &Case<'_>) -> Option<Evidence> {
    let person = case.facts.people[case.table];
    let session = auth::is_login_table(case.facts, case.table) && case.facts.has_word(case.table, &["session"]);
    let mut parents: Vec<(Vec<u8>, &Reference)> = case
        .references()
        .iter()
        .filter(|r| r.target != case.table && Some(r.target) != case.root)
        .filter(|r| case.class_of(r.target).is_some_and(|c| c.is_scoped() || c == Class::Unknown))
        .filter(|r| !(r.role == Role::Pointer && r.nullable))
        // an avatar, a default project: a person is not owned by what the person points at
        .filter(|r| !((person || session) && r.nullable))
        // the login machinery names its own parts alike (`signingKeyId`)
        .filter(|r| !(auth::is_login_table(case.facts, case.table) && !r.enforced && (r.nullable || r.qualified)))
        .map(|r| (rank(case, r), r))
        .collect();
    parents.sort_by(|a, b| a.0.cmp(&b.0));
    let (_, best) = parents.first()?;
    let unsettled = case.class_of(best.target) == Some(Class::Unknown);
    let mut weight: f64 = match (best.enforced, best.nullable) {
        (true, false) => 0.97,
        (true, true) => 0.9,
        (false, false) => 0.88,
        (false, true) => 0.78,
    };
    if case.is_actor(best) {
        weight -= 0.2;
    }
    if unsettled {
        weight = weight.min(0.6);
    }
    let how = if best.enforced { "foreign key" } else { "by its name, column" };
    let mut e = Evidence::new(
        Class::Indirect,
        weight,
        format!("{how} {} leads to {}", super::list(&best.columns), case.name(best.target)),
    );
    e.path = std::iter::once(case.hop(best)).chain(onward(case, best.target)).collect();
    e.nullable = e.path.iter().any(|h| h.nullable);
    Some(e)
}

/// Best parents first: certain before possible, owners before doers, what goes with the parent before what outlives it.
fn rank(case: &Case<'_>, r: &Reference) -> Vec<u8> {
    let settled = case.settled[r.target].as_ref();
    let hops = settled.map_or(0, |s| s.path.len()).min(20) as u8;
    let in_key = case.facts.tables[case.table].primary_key.as_ref().is_some_and(|k| k.columns.contains(&r.columns[0]));
    vec![
        u8::from(case.class_of(r.target) == Some(Class::Unknown)),
        u8::from(case.is_actor(r)),
        u8::from(r.nullable),
        u8::from(case.facts.people[r.target]),
        u8::from(!r.enforced),
        u8::from(r.role == Role::Relation),
        u8::from(!r.cascade && !in_key),
        hops,
    ]
}

/// The rest of the way from a parent; a table with the tenant column ends it.
fn onward(case: &Case<'_>, parent: usize) -> Vec<crate::classify::Hop> {
    case.settled[parent].as_ref().map(|s| s.path.clone()).unwrap_or_default()
}
