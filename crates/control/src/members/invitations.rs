//! Invitations over HTTP: `/api/tenants/{id}/invitations`, for somebody whose subject nobody knows yet.
//!
//! An invitation is for an address at one issuer, and is taken by signing in there: the issuer has to say that the
//! address is verified. It ends by itself, because addresses change hands. Nothing is sent: whoever invites says so.

use axum::extract::Path;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::http::has_room;
use super::{may_give, store};
use crate::access::{Permission, Role};
use crate::audit::{Entry, Severity};
use crate::change::View;
use crate::error::{Code, Error};
use crate::http::Api;
use crate::http::body::Body;
use crate::http::caller::{Caller, Id};
use crate::http::page::Listed;
use crate::http::reply::Reply;
use crate::ids::TenantId;
use crate::users::is_address;

/// Days for which an invitation counts, unless it says otherwise.
const DAYS_DEFAULT: i64 = 7;
/// At most.
const DAYS_MAX: i64 = 30;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, invite)).routes(routes!(withdraw))
}

/// An invitation that is open.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    /// Its id.
    pub id: Uuid,
    /// Where it has to be signed in.
    pub issuer: String,
    /// To whom it is.
    pub email: String,
    /// What he will be.
    pub role: String,
    /// Until when it counts.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

/// An invitation to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NewInvitation {
    /// The address.
    email: String,
    /// `iss` of the tokens he will come with; may be left out where there is one issuer.
    #[serde(default)]
    issuer: Option<String>,
    /// Admin, WorkspaceManager, Author or Viewer.
    role: Role,
    /// 1 to 30; 7 if left out.
    #[serde(default)]
    days: Option<i64>,
}

#[utoipa::path(get, path = "/{id}/invitations", tag = "members", params(("id" = TenantId, Path)),
    responses((status = 200, description = "Those that are open, at most 1000: `items`", body = Listed<Invitation>)))]
async fn list(caller: Caller, Id(tenant): Id) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::MemberRead, tenant).await?;
    let view = View::begin(caller.db(), &granted).await?;
    let items = store::invitations(view.tx(), tenant).await?;
    Reply::json(StatusCode::OK, &json!({ "items": items }))
}

#[utoipa::path(post, path = "/{id}/invitations", tag = "members", params(("id" = TenantId, Path)),
    request_body = NewInvitation,
    responses((status = 201, description = "The invitation: taken by signing in", body = Invitation)))]
async fn invite(caller: Caller, Id(tenant): Id, body: Body<NewInvitation>) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::MemberManage, tenant).await?;
    let request = body.value;
    let issuer = caller.sign_in().issuer(request.issuer.as_deref())?.to_owned();
    let email = request.email.trim().to_lowercase();
    if !is_address(&email) {
        return Err(Error::field("email", "give an e-mail address like ada@example.com"));
    }
    let days = request.days.unwrap_or(DAYS_DEFAULT);
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(Error::field("days", format!("give 1 to {DAYS_MAX}")));
    }
    may_give(&granted, request.role)?;
    let mut change = caller.change(granted, Some(&body.digest)).await?;
    has_room(&change, tenant).await?;
    let expires_at = Timestamp::now() + SignedDuration::from_hours(24 * days);
    let by = change.granted().actor().name();
    let wanted = store::Wanted { tenant, issuer: &issuer, email: &email, role: request.role, expires_at, by: &by };
    let invitation = store::invite(change.tx(), &wanted).await.map_err(|mut error| {
        if error.code == Code::Duplicate {
            "this address is invited already: take that invitation back first".clone_into(&mut error.detail);
        }
        error
    })?;
    let entry = Entry::done("MEMBER_INVITED", Severity::High, Some(tenant)).to("invitation", invitation.id);
    change.audit(entry.with(json!({ "role": request.role }))).await?;
    change.commit(Reply::json(StatusCode::CREATED, &invitation)?).await
}

#[utoipa::path(delete, path = "/{id}/invitations/{invitation}", tag = "members",
    params(("id" = TenantId, Path), ("invitation" = Uuid, Path)),
    responses((status = 204, description = "It cannot be taken any more")))]
async fn withdraw(caller: Caller, Path((tenant, id)): Path<(String, String)>) -> Result<Reply, Error> {
    let tenant = caller.tenant_of(&tenant)?;
    let granted = caller.on_tenant(Permission::MemberManage, tenant).await?;
    let bad = |_| Error::field("invitation", "give the invitation's id, a UUID");
    let id: Uuid = id.parse().map_err(bad)?;
    let mut change = caller.change(granted, None).await?;
    if !store::withdraw(change.tx(), tenant, id).await? {
        return Err(Error::not_found());
    }
    let entry = Entry::done("INVITATION_WITHDRAWN", Severity::Medium, Some(tenant)).to("invitation", id);
    change.audit(entry).await?;
    change.commit(Reply::empty(StatusCode::NO_CONTENT)).await
}
