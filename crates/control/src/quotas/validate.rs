//! Would it fit? `POST /api/tenants/{id}/quota/validate`: one increment, or several at once that must fit together.
//! An answer is of its moment and holds nothing free: what must hold is a reservation, or the rows themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::counters::{Counter, Counters};
use super::http::ask;
use super::memory::Door;
use super::{no_application, percent};
use crate::error::{Code, Error};
use crate::http::Api;
use crate::http::body::Body;
use crate::http::reply::Reply;
use crate::ids::TenantId;
use crate::plans::UNITS_MAX;

/// Most items of one request.
const ITEMS_MAX: usize = 100;
/// From this many percent on, the keeper looks at the tenant at once.
const NEAR_PERCENT: f64 = 85.0;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(validate))
}

/// One increment, or `items`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = QuotaQuestion)]
struct Question {
    /// The resource.
    resource_type: Option<String>,
    /// Units that would come; 1 if left out.
    increment: Option<i64>,
    /// Several, which must fit together: at most 100.
    items: Option<Vec<Item>>,
}

/// An increment.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = QuotaIncrement)]
pub(super) struct Item {
    /// The resource.
    resource_type: String,
    /// Units that would come; 1 if left out.
    #[serde(default)]
    increment: Option<i64>,
}

/// Whether it fits.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QuotaVerdict)]
pub(super) struct Verdict {
    resource_type: String,
    allowed: bool,
    /// All that takes room: what is there, reserved, and given on.
    current_usage: i64,
    /// None for no limit.
    limit: Option<i64>,
    /// None for no limit.
    remaining: Option<i64>,
    /// None for no limit.
    percent_used: Option<f64>,
    would_exceed: bool,
}

#[utoipa::path(post, path = "/{id}/quota/validate", tag = "quotas", operation_id = "validateQuota", params(("id" = TenantId, Path)),
    request_body = Question,
    responses((status = 200, description = "It fits: the verdict, or `allowed` and `items`", body = Verdict),
              (status = 429, description = "It does not: `details` says what is used and what remains")))]
async fn validate(State(api): State<Api>, Door(tenant): Door, body: Body<Question>) -> Result<Reply, Error> {
    let (items, several) = items(body.value)?;
    let application = api.quotas().application().ok_or_else(no_application)?;
    let remembered = match &api.quotas().memory {
        Some(memory) => memory.clearly(application, tenant, &items).await?,
        None => None,
    };
    let counters = match remembered {
        Some(counters) => counters,
        None => Arc::new(ask(application, tenant).await?.1),
    };
    let verdicts = judge(&counters, &items)?;
    let noted = &api.quotas().noted;
    let mut refused = None;
    for (verdict, (resource, increment)) in verdicts.iter().zip(&items) {
        if !verdict.allowed {
            counters.get(resource).into_iter().for_each(|c| noted.refused(tenant, resource, c, *increment));
            refused = refused.or_else(|| counters.get(resource).map(|c| (resource, c, *increment)));
        } else if verdict.percent_used.is_some_and(|p| p >= NEAR_PERCENT) {
            noted.near(tenant);
        }
    }
    if let Some((resource, counter, increment)) = refused {
        let mut error = exceeded(resource, counter, increment);
        if let (true, Some(details)) = (several, error.details.as_mut()) {
            details["items"] = json!(verdicts);
        }
        return Err(error);
    }
    match verdicts.first().filter(|_| !several) {
        Some(verdict) => Reply::json(StatusCode::OK, verdict),
        None => Reply::json(StatusCode::OK, &json!({ "allowed": true, "items": verdicts })),
    }
}

/// Resources and increments that are asked about, and whether as a list.
fn items(question: Question) -> Result<(Vec<(String, i64)>, bool), Error> {
    match question {
        Question { resource_type: Some(resource), increment, items: None } => {
            Ok((vec![(resource, units("increment", increment)?)], false))
        }
        Question { resource_type: None, increment: None, items: Some(items) } => {
            if items.is_empty() || items.len() > ITEMS_MAX {
                return Err(Error::field("items", format!("give 1 to {ITEMS_MAX}")));
            }
            let each = items.into_iter().enumerate();
            let read = |(n, item): (usize, Item)| {
                Ok((item.resource_type, units(&format!("items[{n}].increment"), item.increment)?))
            };
            Ok((each.map(read).collect::<Result<_, Error>>()?, true))
        }
        _ => Err(Error::field("resourceType", "give resourceType and increment, or items, and not both")),
    }
}

/// A number of units that somebody wants.
pub(super) fn units(field: &str, given: Option<i64>) -> Result<i64, Error> {
    match given.unwrap_or(1) {
        n if (1..=UNITS_MAX).contains(&n) => Ok(n),
        _ => Err(Error::field(field, format!("give 1 to {UNITS_MAX}"))),
    }
}

/// Whether these fit, one after the other.
fn judge(counters: &Counters, items: &[(String, i64)]) -> Result<Vec<Verdict>, Error> {
    let mut taken: BTreeMap<&str, i64> = BTreeMap::new();
    let mut verdicts = Vec::new();
    for (resource, increment) in items {
        let counter = counters.get(resource).ok_or_else(|| unknown(counters, resource))?;
        let before = taken.entry(resource).or_default();
        let remaining = counter.remaining().map(|r| r.saturating_sub(*before).max(0));
        let allowed = remaining.is_none_or(|r| *increment <= r);
        verdicts.push(Verdict {
            resource_type: resource.clone(),
            allowed,
            current_usage: counter.held().saturating_add(*before),
            limit: counter.bound,
            remaining,
            percent_used: percent(counter.held().saturating_add(*before), counter.bound),
            would_exceed: !allowed,
        });
        *before = before.saturating_add(if allowed { *increment } else { 0 });
    }
    Ok(verdicts)
}

/// There is no such resource: which there are.
pub(super) fn unknown(counters: &Counters, resource: &str) -> Error {
    let known: Vec<&str> = counters.keys().map(String::as_str).collect();
    let resource: String = resource.chars().filter(|c| !c.is_control()).take(40).collect();
    Error::field("resourceType", format!("there is no resource `{resource}`: there are {}", known.join(", ")))
}

/// The refusal: 429, with what is used and what remains.
pub(super) fn exceeded(resource: &str, counter: &Counter, requested: i64) -> Error {
    let (held, remaining) = (counter.held(), counter.remaining());
    let limit = counter.bound.map_or_else(|| "none".to_owned(), |l| l.to_string());
    let detail = format!("the quota of {resource} is used up: limit {limit}, used {held}, requested {requested}");
    let mut error = Error::new(Code::QuotaExceeded, detail);
    error.details = Some(Box::new(json!({ "resourceType": resource, "currentUsage": held, "limit": counter.bound,
        "requested": requested, "remaining": remaining })));
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(used: i64, bound: Option<i64>) -> Counter {
        Counter {
            measure: "rows".to_owned(),
            used,
            reserved: 1,
            given: 0,
            max: bound,
            bound,
            grace: None,
            parent: None,
            chosen: true,
        }
    }

    fn asked(items: &[(&str, i64)]) -> Vec<(bool, i64, Option<i64>)> {
        let counters = Counters::from([
            ("segments".to_owned(), counter(7, Some(10))),
            ("users".to_owned(), counter(7, None)),
            ("over".to_owned(), counter(20, Some(10))),
        ]);
        let items: Vec<_> = items.iter().map(|(r, n)| ((*r).to_owned(), *n)).collect();
        judge(&counters, &items).unwrap().iter().map(|v| (v.allowed, v.current_usage, v.remaining)).collect()
    }

    #[test]
    fn what_fits_fits_and_not_one_more() {
        assert_eq!(asked(&[("segments", 2)]), [(true, 8, Some(2))]);
        assert_eq!(asked(&[("segments", 3)]), [(false, 8, Some(2))]);
        assert_eq!(asked(&[("users", UNITS_MAX)]), [(true, 8, None)]);
        assert_eq!(asked(&[("over", 1)]), [(false, 21, Some(0))]);
    }

    #[test]
    fn items_of_one_resource_must_fit_together() {
        assert_eq!(
            asked(&[("segments", 1), ("users", 5), ("segments", 1), ("segments", 1)]),
            [(true, 8, Some(2)), (true, 8, None), (true, 9, Some(1)), (false, 10, Some(0))]
        );
    }

    #[test]
    fn numbers_that_are_none() {
        for bad in [0, -1, i64::MIN, i64::MAX, UNITS_MAX + 1] {
            assert!(units("increment", Some(bad)).is_err(), "{bad}");
        }
        assert_eq!(units("increment", None).unwrap(), 1);
    }
}
