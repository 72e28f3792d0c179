//! Support access over HTTP: `/api/tenants/{id}/support`.

use axum::extract::Path;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::store::{self, Decision};
use super::{SECONDS_DEFAULT, SECONDS_MAX, SECONDS_MIN, SupportAccess, WAITING_MAX};
use crate::access::Permission;
use crate::audit::{Entry, Severity};
use crate::change::View;
use crate::error::{Code, Error};
use crate::http::Api;
use crate::http::body::Body;
use crate::http::caller::{Caller, Id};
use crate::http::page::Listed;
use crate::http::reply::Reply;
use crate::ids::TenantId;
use crate::outbox::Event;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, ask))
        .routes(routes!(consent))
        .routes(routes!(refuse))
        .routes(routes!(end))
}

/// What is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Why, in 10 to 500 characters: the tenant reads it.
    reason: String,
    /// For how long, from the consent on: 300 to 604800; 3600 if left out.
    #[serde(default)]
    seconds: Option<i32>,
}

/// Nothing needs to be said.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[utoipa::path(get, path = "/{id}/support", tag = "support", params(("id" = TenantId, Path)),
    responses((status = 200, description = "The last 200, newest first: `items`", body = Listed<SupportAccess>)))]
async fn list(caller: Caller, Id(tenant): Id) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::SupportRead, tenant).await?;
    let view = View::begin(caller.db(), &granted).await?;
    let items = store::list(view.tx(), tenant).await?;
    Reply::json(StatusCode::OK, &json!({ "items": items }))
}

#[utoipa::path(post, path = "/{id}/support", tag = "support", params(("id" = TenantId, Path)), request_body = Asked,
    responses((status = 201, description = "It waits for the tenant's answer", body = SupportAccess)))]
async fn ask(caller: Caller, Id(tenant): Id, body: Body<Asked>) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::SupportAsk, tenant).await?;
    let reason = body.value.reason.trim();
    if !(10..=500).contains(&reason.chars().count()) || reason.chars().any(char::is_control) {
        return Err(Error::field("reason", "say why in 10 to 500 characters: the tenant reads it"));
    }
    let seconds = body.value.seconds.unwrap_or(SECONDS_DEFAULT);
    if !(SECONDS_MIN..=SECONDS_MAX).contains(&seconds) {
        return Err(Error::field("seconds", format!("give {SECONDS_MIN} to {SECONDS_MAX}")));
    }
    let mut change = caller.change(granted, Some(&body.digest)).await?;
    if store::waiting_locked(change.tx(), tenant).await? >= WAITING_MAX {
        let detail = format!("{WAITING_MAX} requests wait for the tenant's answer already");
        return Err(Error::new(Code::StateConflict, detail));
    }
    let by = change.granted().actor().name();
    let access = store::ask(change.tx(), tenant, &by, reason, seconds).await?;
    tell(&mut change, "SUPPORT_ASKED", "tenantry.support.asked", tenant, &access).await?;
    change.commit(Reply::json(StatusCode::CREATED, &access)?).await
}

#[utoipa::path(post, path = "/{id}/support/{support}/consent", tag = "support",
    params(("id" = TenantId, Path), ("support" = Uuid, Path)), request_body = Nothing,
    responses((status = 200, description = "Whoever asked may look inside until `expiresAt`", body = SupportAccess)))]
async fn consent(caller: Caller, Path(path): Path<(String, String)>, _: Body<Nothing>) -> Result<Reply, Error> {
    decide(&caller, path, Decision::Grant).await
}

#[utoipa::path(post, path = "/{id}/support/{support}/refuse", tag = "support",
    params(("id" = TenantId, Path), ("support" = Uuid, Path)), request_body = Nothing,
    responses((status = 200, description = "It is refused", body = SupportAccess)))]
async fn refuse(caller: Caller, Path(path): Path<(String, String)>, _: Body<Nothing>) -> Result<Reply, Error> {
    decide(&caller, path, Decision::Refuse).await
}

/// Turns the operator out at once.
#[utoipa::path(post, path = "/{id}/support/{support}/end", tag = "support",
    params(("id" = TenantId, Path), ("support" = Uuid, Path)), request_body = Nothing,
    responses((status = 200, description = "It counts no longer", body = SupportAccess)))]
async fn end(caller: Caller, Path(path): Path<(String, String)>, _: Body<Nothing>) -> Result<Reply, Error> {
    decide(&caller, path, Decision::End).await
}

async fn decide(caller: &Caller, (tenant, id): (String, String), decision: Decision) -> Result<Reply, Error> {
    let tenant = caller.tenant_of(&tenant)?;
    let granted = caller.on_tenant(Permission::SupportConsent, tenant).await?;
    let id: Uuid = id.parse().map_err(|_| Error::field("support", "give the id of the support access, a UUID"))?;
    let mut change = caller.change(granted, None).await?;
    let by = change.granted().actor().name();
    let Some(access) = store::decide(change.tx(), tenant, id, decision, &by).await? else {
        if !store::exists(change.tx(), tenant, id).await? {
            return Err(Error::not_found());
        }
        return Err(Error::new(Code::StateConflict, "it was decided already: read what it is now"));
    };
    let (action, kind) = match decision {
        Decision::Grant => ("SUPPORT_GRANTED", "tenantry.support.granted"),
        Decision::Refuse => ("SUPPORT_REFUSED", "tenantry.support.refused"),
        Decision::End => ("SUPPORT_ENDED", "tenantry.support.ended"),
    };
    tell(&mut change, action, kind, tenant, &access).await?;
    change.commit(Reply::json(StatusCode::OK, &access)?).await
}

async fn tell(
    change: &mut crate::change::Change,
    action: &'static str,
    kind: &'static str,
    tenant: TenantId,
    access: &SupportAccess,
) -> Result<(), Error> {
    let more = json!({ "by": access.actor, "reason": access.reason, "expiresAt": access.expires_at });
    change.audit(Entry::done(action, Severity::Critical, Some(tenant)).to("support", access.id).with(more)).await?;
    let data = json!({ "tenantId": tenant, "id": access.id, "by": access.actor, "expiresAt": access.expires_at });
    change.emit(Event { kind, subject: Some(tenant.to_string()), tenant: Some(tenant), data }).await
}
