//! Oneself over HTTP: `/api/me`, and `/api/logout`.

use axum::http::StatusCode;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::store;
use crate::access::{Actor, ActorKind, Permission, Reach, on_platform};
use crate::audit::{Entry, Severity};
use crate::error::{Code, Error};
use crate::http::Api;
use crate::http::caller::Caller;
use crate::http::reply::Reply;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(me)).routes(routes!(logout))
}

/// Who asks, and what it may do where.
#[utoipa::path(get, path = "/api/me", tag = "sign-in",
    responses((status = 200, description = "`actor`; `tenants`, each with `role`; `operator` for the platform")))]
async fn me(caller: Caller) -> Result<Reply, Error> {
    let actor = caller.actor();
    let of_members = actor
        .members()
        .iter()
        .map(|m| json!({ "tenantId": m.tenant, "slug": m.slug, "name": m.name, "status": m.status, "role": m.role }));
    let mut tenants: Vec<_> = of_members.collect();
    if let Reach::Tenant(own, _) = actor.reach() {
        tenants.push(json!({ "tenantId": own }));
    }
    let claim = actor.claim().map(|c| json!({ "named": c.named, "tenantId": c.tenant }));
    let is_operator = matches!(actor.reach(), Reach::Platform(_));
    Reply::json(
        StatusCode::OK,
        &json!({ "actor": actor.to_json(), "tenants": tenants, "claim": claim, "operator": is_operator }),
    )
}

/// Ends the sign-in: its token counts no longer, however long it lives.
#[utoipa::path(post, path = "/api/logout", tag = "sign-in", responses((status = 204, description = "Signed out")))]
async fn logout(caller: Caller) -> Result<Reply, Error> {
    let (Some(digest), ActorKind::User(id)) = (caller.actor().session(), caller.actor().kind()) else {
        return Err(Error::new(Code::StateConflict, "an API key is not signed in: revoke it to end it"));
    };
    let granted = on_platform(&Actor::task("sign-out"), Permission::UserManage)?;
    let mut change = caller.change(granted, None).await?;
    if store::end(change.tx(), digest).await? {
        let tenant = match caller.actor().members() {
            [only] => Some(only.tenant),
            _ => None,
        };
        change.audit_by(caller.actor(), Entry::done("USER_LOGOUT", Severity::Low, tenant).to("user", id)).await?;
    }
    change.finish().await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
