//! Settings and records of the installation as a whole.

use super::{Case, Evidence};
use crate::classify::Class;
use crate::classify::references::Role;

/// Wherever they stand in a name, the table is the installation's.
const WHOLE: &[&str] = &[
    "installation",
    "instance",
    "platform",
    "deployment",
    "license",
    "licence",
    "telemetry",
    "superadmin",
    "waitlist",
    "healthcheck",
    "remotecluster",
];
/// The same at the beginning of a name only: `server_lock` is the installation's, a `resource_server` may be anybody's.
const WHOLE_FIRST: &[&str] =
    &["system", "global", "server", "admin", "internal", "node", "cluster", "plugin", "setup", "super"];
const SETTINGS: &[&str] = &[
    "setting",
    "config",
    "configuration",
    "option",
    "parameter",
    "property",
    "preference",
    "variable",
    "metadata",
    "meta",
];

pub(super) fn judge(case: &Case<'_>) -> Option<Evidence> {
    let stems = &case.facts.names[case.table];
    let first = stems.first().is_some_and(|w| WHOLE_FIRST.contains(&w.as_str()));
    let whole = first || case.facts.has_word(case.table, WHOLE);
    let settings = stems.len() <= 2 && case.facts.has_word(case.table, SETTINGS);
    let towards_tenant = case
        .references()
        .iter()
        .any(|r| case.class_of(r.target).is_some_and(Class::is_scoped) && !(r.role == Role::Pointer && r.nullable));
    if towards_tenant {
        return None;
    }
    if let Some(how) = chosen_by_root(case) {
        return Some(Evidence::new(Class::Shared, 0.72, how));
    }
    (whole || settings).then(|| {
        Evidence::new(
            Class::Shared,
            if whole { 0.8 } else { 0.66 },
            "settings or records of the whole installation; nothing in it leads to a tenant",
        )
    })
}

/// The tenant table itself refers to it, many tenants to one row: what is chosen by tenants is owned by none.
fn chosen_by_root(case: &Case<'_>) -> Option<String> {
    let root = case.root?;
    let r = case.facts.references[root].iter().find(|r| {
        r.target == case.table
            && r.target != root
            && !case.facts.is_unique(root, &r.columns)
            && !case.facts.people[case.table]
    })?;
    Some(format!("tenants choose from it ({} of {})", super::list(&r.columns), case.name(root)))
}
