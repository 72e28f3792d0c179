//! Plans: what a tenant can subscribe to. Limits by resource, features by name, and a time of grace.
//!
//! A plan names resources that an application may count or not: what nobody counts limits nothing. A resource that
//! the plan does not name has its own default. A plan that tenants have is retired, never deleted, so that what they
//! subscribed to can always be looked up; its version grows with every change.

pub(crate) mod http;
pub(crate) mod store;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Error;

/// The plan of a tenant for which nobody chose one.
pub(crate) const FIRST: &str = "free";
/// Most units of a limit; the application's database says the same.
pub const UNITS_MAX: i64 = 1_000_000_000_000_000_000;
/// Longest name of a resource; the registry says the same.
const RESOURCE_BYTES_MAX: usize = 40;
/// Most resources of a plan.
const LIMITS_MAX: usize = 200;
/// Most features of a plan.
const FEATURES_MAX: usize = 200;
/// Longest time of grace: a year.
const GRACE_HOURS_MAX: i32 = 8_760;

/// Limits by resource; null is no limit.
pub type Limits = BTreeMap<String, Option<i64>>;

/// How far a tenant may go over its limits, and for how long, before it is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grace {
    /// So many percent over the limit: 1 to 100.
    pub percent: i16,
    /// For so many hours from the moment the limit is reached.
    pub hours: i32,
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Its name in subscriptions.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// Limits by resource; null is no limit, and a resource that is not named has its own default.
    pub limits: Limits,
    /// What it comes with, by name.
    pub features: BTreeSet<String>,
    /// Whether tenants may go over their limits for a while.
    pub grace: Option<Grace>,
    /// `active`, or `retired`: then nobody new gets it.
    pub status: String,
    /// Counts its changes.
    pub version: i64,
    /// Tenants that have it, deleted ones included.
    pub tenants: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Checks what a plan says, in one place for new ones and changed ones.
fn check(plan: &Plan) -> Result<(), Error> {
    if !is_key(&plan.key) {
        return Err(Error::field("key", "give 1 to 63 letters, digits, `-` and `_`"));
    }
    let length = plan.name.chars().count();
    if plan.name.trim().is_empty() || length > 200 || plan.name.chars().any(char::is_control) {
        return Err(Error::field("name", "give 1 to 200 characters, none of them a control character"));
    }
    if plan.limits.len() > LIMITS_MAX {
        return Err(Error::field("limits", format!("give at most {LIMITS_MAX}")));
    }
    for (resource, max) in &plan.limits {
        check_resource(&format!("limits.{resource}"), resource)?;
        check_units(&format!("limits.{resource}"), *max)?;
    }
    if plan.features.len() > FEATURES_MAX {
        return Err(Error::field("features", format!("give at most {FEATURES_MAX}")));
    }
    let is_feature = |f: &String| {
        !f.is_empty() && f.len() <= 63 && f.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    };
    if !plan.features.iter().all(is_feature) {
        return Err(Error::field("features", "give names of 1 to 63 letters, digits, `-`, `_`, `.` and `:`"));
    }
    if plan.grace.is_some_and(|g| !(1..=100).contains(&g.percent)) {
        return Err(Error::field("grace.percent", "give 1 to 100"));
    }
    if plan.grace.is_some_and(|g| !(1..=GRACE_HOURS_MAX).contains(&g.hours)) {
        return Err(Error::field("grace.hours", format!("give 1 to {GRACE_HOURS_MAX}")));
    }
    Ok(())
}

/// Whether a text can be a plan's key.
fn is_key(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    (1..=63).contains(&text.len()) && text.bytes().all(is_plain)
}

/// A name that a resource can have.
pub(crate) fn check_resource(field: &str, name: &str) -> Result<(), Error> {
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= RESOURCE_BYTES_MAX
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_name {
        return Ok(());
    }
    let message =
        format!("a resource is named by a letter, then letters, digits and `_`, at most {RESOURCE_BYTES_MAX}");
    Err(Error::field(field, message))
}

/// A number of units that a limit can be.
pub(crate) fn check_units(field: &str, max: Option<i64>) -> Result<(), Error> {
    match max {
        Some(max) if !(0..=UNITS_MAX).contains(&max) => {
            Err(Error::field(field, format!("give 0 to {UNITS_MAX}, or null for no limit")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            key: "pro".to_owned(),
            name: "Pro".to_owned(),
            limits: Limits::from([("segments".to_owned(), Some(50)), ("users".to_owned(), None)]),
            features: BTreeSet::from(["sso".to_owned()]),
            grace: Some(Grace { percent: 10, hours: 24 }),
            status: "active".to_owned(),
            version: 1,
            tenants: 0,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_plan_that_does_not_fit_names_the_field() {
        check(&plan()).unwrap();
        let wrong = |field: &str, change: fn(&mut Plan)| {
            let mut plan = plan();
            change(&mut plan);
            assert_eq!(check(&plan).unwrap_err().fields[0].field, field);
        };
        wrong("key", |p| p.key.clear());
        wrong("key", |p| p.key.push(' '));
        wrong("key", |p| p.key = "x".repeat(64));
        wrong("name", |p| p.name = " ".to_owned());
        wrong("name", |p| p.name.push('\n'));
        wrong("limits.segments", |p| _ = p.limits.insert("segments".to_owned(), Some(-1)));
        wrong("limits.segments", |p| _ = p.limits.insert("segments".to_owned(), Some(UNITS_MAX + 1)));
        wrong("limits.a b", |p| _ = p.limits.insert("a b".to_owned(), None));
        wrong("limits.1", |p| _ = p.limits.insert("1".to_owned(), None));
        wrong("features", |p| _ = p.features.insert(String::new()));
        wrong("grace.percent", |p| p.grace = Some(Grace { percent: 0, hours: 1 }));
        wrong("grace.percent", |p| p.grace = Some(Grace { percent: 101, hours: 1 }));
        wrong("grace.hours", |p| p.grace = Some(Grace { percent: 1, hours: 0 }));
    }
}
