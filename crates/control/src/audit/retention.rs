//! How long audit entries are kept: `/api/audit/retention`. `tenantry audit seal` lets older ones go, with a signed cut,
//! unless its own `--retention-days` says otherwise.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Entry, Severity};
use crate::access::Permission;
use crate::change::View;
use crate::db::statements;
use crate::error::Error;
use crate::http::Api;
use crate::http::body::Body;
use crate::http::caller::Caller;
use crate::http::reply::Reply;

/// Longest time.
const DAYS_MAX: i32 = 36_500;

statements! {
    READ: "read how long entries are kept" =
        "SELECT days, version FROM tenantry_control.audit_retention";
    LOCK: "read how long entries are kept, to change it" =
        "SELECT version FROM tenantry_control.audit_retention FOR UPDATE";
    WRITE: "say how long entries are kept" =
        "UPDATE tenantry_control.audit_retention SET days = $1, version = version + 1 RETURNING version";
}

pub(crate) fn platform_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(read, write))
}

/// How long entries are kept.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Retention {
    /// Days, 1 to 36500; null keeps everything.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(minimum = 1, maximum = 36_500, required = true)]
    days: Option<i32>,
}

#[utoipa::path(get, path = "/api/audit/retention", tag = "audit", operation_id = "read_audit_retention",
    responses((status = 200, description = "How long entries are kept", body = Retention)))]
async fn read(caller: Caller) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::AuditManage)?;
    let view = View::begin(caller.db(), &granted).await?;
    let row = view.tx().query_one(&READ, &[]).await?;
    Ok(Reply::json(StatusCode::OK, &Retention { days: row.get(0) })?.version(row.get(1)))
}

#[utoipa::path(put, path = "/api/audit/retention", tag = "audit", operation_id = "write_audit_retention",
    request_body = Retention,
    responses((status = 200, description = "How long entries are kept; needs If-Match", body = Retention)))]
async fn write(caller: Caller, body: Body<Retention>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::AuditManage)?;
    let days = body.value.days;
    if days.is_some_and(|days| !(1..=DAYS_MAX).contains(&days)) {
        return Err(Error::field("days", format!("give 1 to {DAYS_MAX}, or null")));
    }
    let mut change = caller.change(granted, None).await?;
    caller.expects(change.tx().query_one(&LOCK, &[]).await?.get(0))?;
    let version: i64 = change.tx().query_one(&WRITE, &[&days]).await?.get(0);
    let entry = Entry::done("AUDIT_RETENTION_CHANGED", Severity::Critical, None);
    change.audit(entry.with(json!({ "days": days }))).await?;
    change.commit(Reply::json(StatusCode::OK, &body.value)?.version(version)).await
}
