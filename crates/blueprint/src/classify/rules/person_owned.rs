//! Belongs to a person, not to a tenant: sessions, accounts at other services, personal settings.

use super::{Case, Evidence};
use crate::classify::references::Role;
use crate::classify::{Class, auth};

pub(super) fn judge(case: &Case<'_>) -> Option<Evidence> {
    let login = auth::is_login_table(case.facts, case.table);
    let person = case.references().iter().find(|r| {
        case.facts.people[r.target]
            && r.target != case.table
            && !case.is_actor(r)
            && (r.role != Role::Pointer || !r.nullable)
    });
    if login {
        return Some(Evidence::new(Class::Shared, 0.86, "a table of logins; it carries no tenant"));
    }
    if let Some(r) = person {
        return Some(Evidence::new(
            Class::Shared,
            // what it is about may well be a tenant's
            match (super::polymorphic::pair(case).is_some(), r.nullable) {
                (true, _) => 0.6,
                (false, true) => 0.7,
                (false, false) => 0.85,
            },
            format!("belongs to a person ({}), and nothing leads to a tenant", super::list(&r.columns)),
        ));
    }
    // one step further: a child of what belongs to a person
    let parent = case.references().iter().find(|r| {
        r.target != case.table
            && !r.nullable
            && case.class_of(r.target) == Some(Class::Shared)
            && !case.facts.people[r.target]
            && case.facts.references[r.target].iter().any(|up| case.facts.people[up.target])
    })?;
    Some(Evidence::new(
        Class::Shared,
        0.75,
        format!("belongs to {}, which belongs to a person", case.name(parent.target)),
    ))
}
