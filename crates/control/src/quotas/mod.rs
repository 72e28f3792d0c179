//! Quotas: how much of a resource a tenant may have, decided here and held in the application's database.
//!
//! What is decided (a plan, a limit chosen for one tenant, what a parent gives) is written down first, with a number
//! that counts up; `write` brings it into the application's database in one transaction there, in the request if that
//! database answers and by the `keeper` until it does. So a limit that was decided is written, whole, and one that was
//! not decided never is. What is used is never kept here: it is asked for.
//!
//! A tenant without a parent has the limits of its plan, unless others were chosen for it. One below another has what
//! was given to it out of its parent's limits, and nothing of what was not: so all of a family together never have
//! more than its head.
//!
//! | part | |
//! |---|---|
//! | `application` | the application's database, entered as a member of its quota role alone |
//! | `counters` | its functions |
//! | `store`, `write` | decisions, and bringing them there |
//! | `http`, `validate`, `reserve`, `report` | routes |
//! | `memory` | validations without the database, where the settings allow it |
//! | `levels`, `history` | warnings and days: pure rules |
//! | `keeper` | the task that does what nobody waits for |

pub(crate) mod counters;
mod history;
pub(crate) mod http;
mod keeper;
pub(crate) mod ledger;
mod levels;
mod memory;
mod noted;
mod report;
mod reserve;
pub(crate) mod store;
mod validate;
mod write;

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use crate::error::{Code, Error};
use crate::ids::TenantId;
use crate::plans::{Grace, Limits};

pub(crate) use keeper::run as keep;
pub(crate) use keeper::{Due, Quotas, round};
pub use memory::AGE_MAX;
pub(crate) use store::plan_changed;
pub(crate) use write::{Urgency, decide};

/// A resource that the application counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) name: String,
    /// `rows`, `sum` or `monthly`.
    pub(crate) measure: String,
    /// The limit of a tenant for which nobody chose one; none for no limit.
    pub(crate) default: Option<i64>,
}

/// Where a limit comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// From the resource: nobody chose one.
    Default,
    /// From the tenant's plan.
    Plan,
    /// It was chosen for this tenant.
    Chosen,
    /// Out of the parent's.
    Given,
}

impl Source {
    fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Plan => "plan",
            Self::Chosen => "chosen",
            Self::Given => "given",
        }
    }
}

/// A limit, and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// None for no limit.
    pub(crate) max: Option<i64>,
    pub(crate) source: Source,
}

/// Everything that a tenant's limits follow from.
#[derive(Clone, Debug)]
pub(crate) struct Basis {
    pub(crate) tenant: TenantId,
    pub(crate) parent: Option<TenantId>,
    /// Id of its quota.
    pub(crate) id: Uuid,
    /// Number of the last decision, and of the last that is written.
    pub(crate) decided: i64,
    pub(crate) written: i64,
    pub(crate) failure: Option<String>,
    pub(crate) plan: String,
    pub(crate) limits: Limits,
    pub(crate) grace: Option<Grace>,
    /// Chosen for this tenant, or given to it.
    pub(crate) chosen: Limits,
    /// Times of grace that were begun: percent, and until when.
    pub(crate) windows: BTreeMap<String, (i16, Timestamp)>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl Basis {
    /// The limit of a resource.
    pub(crate) fn limit(&self, resource: &str, default: Option<i64>) -> Limit {
        let chosen = self.chosen.get(resource).copied();
        match (self.parent, chosen, self.limits.get(resource)) {
            (Some(_), given, _) => Limit { max: Some(given.flatten().unwrap_or(0)), source: Source::Given },
            (None, Some(max), _) => Limit { max, source: Source::Chosen },
            (None, None, Some(max)) => Limit { max: *max, source: Source::Plan },
            (None, None, None) => Limit { max: default, source: Source::Default },
        }
    }

    /// The time of grace that holds now; what a parent gave has none.
    pub(crate) fn window(&self, resource: &str, now: Timestamp) -> Option<(i16, Timestamp)> {
        self.windows.get(resource).copied().filter(|(_, until)| self.parent.is_none() && *until > now)
    }
}

/// The field of a resource's limit: `segments` → `maxSegments`.
pub(crate) fn field_of(resource: &str) -> String {
    let mut letters = resource.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase()).into_iter();
    "max".chars().chain(first).chain(letters).collect()
}

/// So many percent of a limit, to two places; none without a limit. Nothing of nothing is nothing.
pub(crate) fn percent(used: i64, max: Option<i64>) -> Option<f64> {
    let max = max?;
    if max == 0 {
        return Some(if used > 0 { 100.0 } else { 0.0 });
    }
    Some((used as f64 * 10_000.0 / max as f64).round() / 100.0)
}

/// The answer to whoever needs the application's database where none is named.
pub(crate) fn no_application() -> Error {
    Error::new(
        Code::Unavailable,
        "the control plane knows no application's database to ask: name it in `application_url` of [control]",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basis(parent: Option<TenantId>, chosen: Limits) -> Basis {
        Basis {
            tenant: TenantId::new(),
            parent,
            id: Uuid::nil(),
            decided: 1,
            written: 0,
            failure: None,
            plan: "pro".to_owned(),
            limits: Limits::from([("segments".to_owned(), Some(50)), ("users".to_owned(), None)]),
            grace: None,
            chosen,
            windows: BTreeMap::from([("segments".to_owned(), (10, Timestamp::UNIX_EPOCH))]),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_was_chosen_wins_over_the_plan_and_the_plan_over_the_default() {
        let head = basis(None, Limits::from([("segments".to_owned(), Some(7)), ("journeys".to_owned(), None)]));
        let of = |name: &str| {
            let limit = head.limit(name, Some(3));
            (limit.max, limit.source)
        };
        assert_eq!(of("segments"), (Some(7), Source::Chosen));
        assert_eq!(of("journeys"), (None, Source::Chosen));
        assert_eq!(of("users"), (None, Source::Plan));
        assert_eq!(of("audiences"), (Some(3), Source::Default));
    }

    #[test]
    fn a_tenant_below_another_has_what_it_was_given_and_nothing_else() {
        let child = basis(Some(TenantId::new()), Limits::from([("segments".to_owned(), Some(7))]));
        for (name, max) in [("segments", 7), ("users", 0), ("audiences", 0)] {
            let limit = child.limit(name, Some(3));
            assert_eq!((limit.max, limit.source), (Some(max), Source::Given), "{name}");
        }
    }

    #[test]
    fn grace_ends_and_is_not_for_children() {
        let (before, after) = (Timestamp::from_second(-1).unwrap(), Timestamp::from_second(1).unwrap());
        let head = basis(None, Limits::new());
        assert_eq!(head.window("segments", before).map(|w| w.0), Some(10));
        assert_eq!(head.window("segments", after), None);
        assert_eq!(basis(Some(TenantId::new()), Limits::new()).window("segments", before), None);
    }

    #[test]
    fn names_and_percents() {
        assert_eq!(
            (field_of("segments"), field_of("a"), field_of("")),
            ("maxSegments".into(), "maxA".into(), "max".into())
        );
        for (used, max, wanted) in
            [(1, Some(3), Some(33.33)), (0, Some(0), Some(0.0)), (2, Some(0), Some(100.0)), (5, None, None)]
        {
            assert_eq!(percent(used, max), wanted);
        }
    }
}
