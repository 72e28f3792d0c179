//! Settings and records of the installation as a whole.

use super::{Case, Evidence};
use crate::classify::Class;

const WHOLE: &[&str] = &[
    "installation",
    "instance",
    "platform",
    "system",
    "global",
    "deployment",
    "server",
    "license",
    "licence",
    "telemetry",
    "superadmin",
    "admin",
    "internal",
    "node",
    "cluster",
];
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
    let whole = stems.iter().any(|w| WHOLE.contains(&w.as_str()));
    let settings = stems.len() <= 2 && stems.iter().any(|w| SETTINGS.contains(&w.as_str()));
    let towards_tenant = case.references().iter().any(|r| case.class_of(r.target).is_some_and(Class::is_scoped));
    if towards_tenant || !(whole || settings) {
        return None;
    }
    Some(Evidence::new(
        Class::Shared,
        if whole { 0.8 } else { 0.66 },
        "settings or records of the whole installation; nothing in it leads to a tenant",
    ))
}
