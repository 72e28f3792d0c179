//! Room that is kept free for work that comes later, and counting again:
//! `POST /api/tenants/{id}/quota/reserve|commit|release|recalculate`.
//!
//! A reservation lies in the application's database and ends there by itself. It is committed there before its audit
//! entry is here: one whose answer was lost holds room until it expires, and nothing is ever used twice.

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::ledger::Ledger;
use super::validate::{exceeded, units, unknown};
use super::{Urgency, counters, decide, no_application};
use crate::access::Permission;
use crate::audit::{Entry, Severity};
use crate::error::{Code, Error};
use crate::http::Api;
use crate::http::body::Body;
use crate::http::caller::{Caller, Id};
use crate::http::reply::Reply;
use crate::ids::TenantId;
use crate::plans::check_resource;

/// How long a reservation lasts unless the request says otherwise: five minutes.
const SECONDS_DEFAULT: i64 = 300;
/// How long it lasts at most: a day.
const SECONDS_MAX: i64 = 86_400;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(reserve))
        .routes(routes!(commit))
        .routes(routes!(release))
        .routes(routes!(recalculate))
}

/// What to keep free.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = ReservationRequest)]
struct Wanted {
    /// The resource.
    resource_type: String,
    /// Units; 1 if left out.
    #[serde(default)]
    increment: Option<i64>,
    /// Seconds after which it ends by itself: 1 to 86400; 300 if left out.
    #[serde(default)]
    expires_in_seconds: Option<i64>,
}

/// Which reservation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = ReservationEnd)]
struct Which {
    /// Its id.
    reservation_id: Uuid,
}

/// What to count again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[schema(as = RecalculationRequest)]
struct What {
    /// One resource; all if left out.
    resource_type: Option<String>,
}

fn application(caller: &Caller) -> Result<&Ledger, Error> {
    caller.api().quotas().application().ok_or_else(no_application)
}

#[utoipa::path(post, path = "/{id}/quota/reserve", tag = "quotas", operation_id = "reserveQuota", params(("id" = TenantId, Path)),
    request_body = Wanted,
    responses((status = 201, description = "`reservationId`, and `expiresAt`"),
              (status = 429, description = "There is not so much room: `details` says how much")))]
async fn reserve(caller: Caller, Id(tenant): Id, body: Body<Wanted>) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::QuotaUse, tenant).await?;
    let wanted = body.value;
    check_resource("resourceType", &wanted.resource_type)?;
    let increment = units("increment", wanted.increment)?;
    let seconds = wanted.expires_in_seconds.unwrap_or(SECONDS_DEFAULT);
    if !(1..=SECONDS_MAX).contains(&seconds) {
        return Err(Error::field("expiresInSeconds", format!("give 1 to {SECONDS_MAX}")));
    }
    let application = application(&caller)?;
    let mut change = caller.change(granted, Some(&body.digest)).await?;
    let resource = wanted.resource_type;
    let there = application.begin().await?;
    let expires_at = Timestamp::now() + SignedDuration::from_secs(seconds);
    let id = match counters::reserve(&there, tenant, &resource, increment, seconds).await {
        Ok(id) => id,
        Err(error) => {
            drop(there);
            return Err(refused(&caller, application, tenant, &resource, increment, error).await);
        }
    };
    there.commit().await?;
    let entry = Entry::done("QUOTA_RESERVED", Severity::Low, Some(tenant)).to("reservation", id);
    change.audit(entry.with(json!({ "resourceType": resource, "units": increment, "seconds": seconds }))).await?;
    let made = json!({ "reservationId": id, "resourceType": resource, "increment": increment,
        "expiresAt": expires_at });
    change.commit(Reply::json(StatusCode::CREATED, &made)?).await
}

/// Why a reservation was refused, with numbers where it was for want of room.
async fn refused(
    caller: &Caller,
    application: &Ledger,
    tenant: TenantId,
    resource: &str,
    increment: i64,
    error: Error,
) -> Error {
    if !matches!(error.code, Code::QuotaExceeded | Code::Invalid) {
        return error;
    }
    let counters = async {
        let asked = application.begin().await?;
        let counters = counters::usage(&asked, tenant).await?;
        asked.commit().await?;
        Ok::<_, Error>(counters)
    };
    match counters.await {
        Ok(counters) => match counters.get(resource) {
            Some(counter) if error.code == Code::QuotaExceeded => {
                caller.api().quotas().noted.refused(tenant, resource, counter, increment);
                exceeded(resource, counter, increment)
            }
            Some(_) => error,
            None => unknown(&counters, resource),
        },
        Err(other) => other,
    }
}

#[utoipa::path(post, path = "/{id}/quota/commit", tag = "quotas", operation_id = "commitReservation", params(("id" = TenantId, Path)),
    request_body = Which,
    responses((status = 200, description = "The rows stand, and nothing is held for them any more")))]
async fn commit(caller: Caller, Id(tenant): Id, body: Body<Which>) -> Result<Reply, Error> {
    end(&caller, tenant, body, true).await
}

#[utoipa::path(post, path = "/{id}/quota/release", tag = "quotas", operation_id = "releaseReservation", params(("id" = TenantId, Path)),
    request_body = Which,
    responses((status = 200, description = "The work was given up, and its room is free")))]
async fn release(caller: Caller, Id(tenant): Id, body: Body<Which>) -> Result<Reply, Error> {
    end(&caller, tenant, body, false).await
}

async fn end(caller: &Caller, tenant: TenantId, body: Body<Which>, came: bool) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::QuotaUse, tenant).await?;
    let id = body.value.reservation_id;
    let application = application(caller)?;
    let mut change = caller.change(granted, Some(&body.digest)).await?;
    let there = application.begin().await?;
    let ended = counters::end(&there, tenant, id, came).await?;
    // one that expired is given back too
    there.commit().await?;
    if !ended {
        return Err(Error::new(Code::NotFound, "there is no such reservation, it has ended, or it has expired"));
    }
    let (action, state) = if came { ("QUOTA_COMMITTED", "committed") } else { ("QUOTA_RELEASED", "released") };
    change.audit(Entry::done(action, Severity::Low, Some(tenant)).to("reservation", id)).await?;
    change.commit(Reply::json(StatusCode::OK, &json!({ "reservationId": id, "state": state }))?).await
}

#[utoipa::path(post, path = "/{id}/quota/recalculate", tag = "quotas", operation_id = "recalculateQuota", params(("id" = TenantId, Path)),
    request_body = What,
    responses((status = 200, description = "`items`: what was counted, what is there, and the difference")))]
async fn recalculate(caller: Caller, Id(tenant): Id, body: Body<What>) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::QuotaManage, tenant).await?;
    let application = application(&caller)?;
    let mut change = caller.change(granted.widened(), Some(&body.digest)).await?;
    let there = application.begin().await?;
    let resource = body.value.resource_type;
    if let Some(resource) = &resource {
        let counters = counters::usage(&there, tenant).await?;
        counters.get(resource).ok_or_else(|| unknown(&counters, resource))?;
    }
    let counted = counters::recalculate(&there, tenant, resource.as_deref()).await?;
    let items: Vec<_> = counted
        .iter()
        .map(|(resource, was, is)| {
            json!({ "resourceType": resource, "previousUsage": was, "currentUsage": is, "drift": is - was })
        })
        .collect();
    // the limits are written again as well: whoever counts again wants everything to be as it should
    let decided = decide(caller.api(), &change, tenant, Urgency::Soon).await?;
    let entry = Entry::done("QUOTA_RECALCULATED", Severity::Medium, Some(tenant)).to("tenant", tenant);
    change.audit(entry.with(json!({ "items": items }))).await?;
    let reply = change.commit(Reply::json(StatusCode::OK, &json!({ "items": items }))?).await?;
    there.commit().await?;
    decided.write().await;
    Ok(reply)
}
