//! Alerts over HTTP: `/api/alerts` for the platform, `/api/tenants/{id}/alerts` for one tenant.

use axum::extract::Path;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::store::{self, Wanted};
use crate::access::{Granted, Permission};
use crate::audit::{Entry, Severity};
use crate::change::View;
use crate::error::Error;
use crate::http::Api;
use crate::http::body::{Body, Nothing};
use crate::http::caller::{Caller, Id};
use crate::http::page;
use crate::http::query::Asked;
use crate::http::reply::Reply;
use crate::ids::TenantId;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(of_tenant)).routes(routes!(acknowledge_of_tenant))
}

pub(crate) fn platform_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(of_platform)).routes(routes!(acknowledge_of_platform))
}

/// Something that somebody must hear of.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Its id; later ones sort later.
    pub id: Uuid,
    /// Whose entries they were; none for the platform.
    pub tenant_id: Option<TenantId>,
    /// The threshold's name.
    pub name: String,
    /// `LOW`, `MEDIUM`, `HIGH` or `CRITICAL`.
    pub severity: String,
    /// What was reached, for people.
    pub message: String,
    /// The same, for programs.
    #[schema(value_type = Object)]
    pub data: Value,
    /// When.
    pub raised_at: Timestamp,
    /// When somebody said that he has seen it.
    pub acknowledged_at: Option<Timestamp>,
    /// Who.
    pub acknowledged_by: Option<String>,
}

/// A page of alerts, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Alerts {
    items: Vec<Alert>,
    /// Where to go on, if there are more.
    next_page_token: Option<String>,
}

/// What a list is cut down to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Where to go on: `nextPageToken` of the page before.
    page_token: Option<String>,
    /// 1 to 200; 50 if left out.
    page_size: Option<u32>,
    /// Only those that somebody acknowledged, or only the others.
    acknowledged: Option<bool>,
    /// A threshold's name.
    name: Option<String>,
    /// `LOW`, `MEDIUM`, `HIGH` or `CRITICAL`.
    severity: Option<String>,
}

#[utoipa::path(get, path = "/api/alerts", tag = "alerts", params(Filter),
    responses((status = 200, description = "A page, newest first", body = Alerts)))]
async fn of_platform(caller: Caller, Asked(filter): Asked<Filter>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::AlertRead)?;
    list(&caller, granted, filter).await
}

#[utoipa::path(get, path = "/{id}/alerts", tag = "alerts", params(("id" = TenantId, Path), Filter),
    responses((status = 200, description = "A page, newest first", body = Alerts)))]
async fn of_tenant(caller: Caller, Id(tenant): Id, Asked(filter): Asked<Filter>) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::AlertRead, tenant).await?;
    list(&caller, granted, filter).await
}

#[utoipa::path(post, path = "/api/alerts/{alert}/acknowledge", tag = "alerts", params(("alert" = Uuid, Path)),
    request_body = Nothing, responses((status = 200, description = "The alert; who was first stays", body = Alert)))]
async fn acknowledge_of_platform(
    caller: Caller,
    Path(alert): Path<String>,
    body: Body<Nothing>,
) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::AlertManage)?;
    acknowledge(&caller, granted, &alert, &body.digest).await
}

#[utoipa::path(post, path = "/{id}/alerts/{alert}/acknowledge", tag = "alerts",
    params(("id" = TenantId, Path), ("alert" = Uuid, Path)), request_body = Nothing,
    responses((status = 200, description = "The alert; who was first stays", body = Alert)))]
async fn acknowledge_of_tenant(
    caller: Caller,
    Path((tenant, alert)): Path<(String, String)>,
    body: Body<Nothing>,
) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::AlertManage, caller.tenant_of(&tenant)?).await?;
    acknowledge(&caller, granted, &alert, &body.digest).await
}

async fn list(caller: &Caller, granted: Granted, filter: Filter) -> Result<Reply, Error> {
    if filter.severity.as_deref().is_some_and(|s| !["LOW", "MEDIUM", "HIGH", "CRITICAL"].contains(&s)) {
        return Err(Error::field("severity", "give LOW, MEDIUM, HIGH or CRITICAL"));
    }
    if filter.name.as_deref().is_some_and(|name| name.contains('\0')) {
        return Err(Error::field("name", "give a threshold's name"));
    }
    let limit = page::size(filter.page_size)?;
    let (name, severity) = (filter.name.as_deref(), filter.severity.as_deref());
    let (actor, tenant, seen) = (caller.actor().name(), granted.tenant(), filter.acknowledged);
    let bound = format!("alerts {actor} {tenant:?} {seen:?} {name:?} {severity:?}");
    let before = filter.page_token.as_deref().map(|t| page::read(caller.secret(), &bound, t)).transpose()?;
    let view = View::begin(caller.db(), &granted).await?;
    let wanted = Wanted { tenant, before, acknowledged: seen, name, severity, limit: limit + 1 };
    let mut items = store::list(view.tx(), &wanted).await?;
    let more = items.len() as i64 > limit;
    items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next_page_token = items.last().filter(|_| more).map(|a| page::token(caller.secret(), &bound, a.id));
    Reply::json(StatusCode::OK, &Alerts { items, next_page_token })
}

async fn acknowledge(caller: &Caller, granted: Granted, alert: &str, digest: &[u8; 32]) -> Result<Reply, Error> {
    let id = Uuid::try_parse(alert).ok().filter(|_| alert.len() == 36).ok_or_else(Error::not_found)?;
    let tenant = granted.tenant();
    let mut change = caller.change(granted, Some(digest)).await?;
    let by = change.granted().actor().name();
    let (is_first, alert) = store::acknowledge(change.tx(), id, tenant, &by).await?;
    if !is_first {
        return Reply::json(StatusCode::OK, &alert);
    }
    let entry = Entry::done("ALERT_ACKNOWLEDGED", Severity::Medium, alert.tenant_id).to("alert", id);
    change.audit(entry.with(json!({ "name": alert.name }))).await?;
    change.commit(Reply::json(StatusCode::OK, &alert)?).await
}
