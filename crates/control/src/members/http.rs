//! Members over HTTP: `/api/tenants/{id}/members`.

use axum::extract::Path;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{MEMBERS_MAX, Membership, keeps_an_admin, leave, may_give, store};
use crate::access::{Permission, Role};
use crate::audit::{Entry, Severity};
use crate::change::{Change, View};
use crate::error::{Code, Error};
use crate::http::Api;
use crate::http::body::Body;
use crate::http::caller::{Caller, Id};
use crate::http::page::{self, Listed};
use crate::http::query::Asked;
use crate::http::reply::Reply;
use crate::ids::TenantId;
use crate::outbox::Event;
use crate::users;
use crate::users::http::user_id;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(read, change_role, remove))
        .merge(super::invitations::routes())
}

/// A member to add, whose subject is known.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NewMember {
    /// `iss` of the user's tokens; may be left out where there is one issuer.
    #[serde(default)]
    issuer: Option<String>,
    /// `sub` of the user's tokens.
    subject: String,
    /// Admin, WorkspaceManager, Author or Viewer.
    role: Role,
    /// For people; noted if the user has none yet.
    #[serde(default)]
    email: Option<String>,
    /// For people; noted if the user has none yet.
    #[serde(default)]
    name: Option<String>,
}

/// Another role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RoleChange {
    role: Role,
}

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Where to go on: `nextPageToken` of the page before.
    page_token: Option<String>,
    /// 1 to 200; 50 if left out.
    page_size: Option<u32>,
}

#[utoipa::path(get, path = "/{id}/members", tag = "members", params(("id" = TenantId, Path), Filter),
    responses((status = 200, description = "A page: `items`, and `nextPageToken` if there are more", body = Listed<Membership>)))]
async fn list(caller: Caller, Id(tenant): Id, Asked(filter): Asked<Filter>) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::MemberRead, tenant).await?;
    let limit = page::size(filter.page_size)?;
    let bound = format!("members {} {tenant}", caller.actor().name());
    let after = filter.page_token.as_deref().map(|t| page::read(caller.secret(), &bound, t)).transpose()?;
    let view = View::begin(caller.db(), &granted).await?;
    let mut items = store::list(view.tx(), tenant, after, limit + 1).await?;
    let more = items.len() as i64 > limit;
    items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = items.last().filter(|_| more).map(|m| page::token(caller.secret(), &bound, m.user_id));
    Reply::json(StatusCode::OK, &json!({ "items": items, "nextPageToken": next }))
}

#[utoipa::path(post, path = "/{id}/members", tag = "members", params(("id" = TenantId, Path)), request_body = NewMember,
    responses((status = 201, description = "The member", body = Membership)))]
async fn add(caller: Caller, Id(tenant): Id, body: Body<NewMember>) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::MemberManage, tenant).await?;
    let request = body.value;
    let issuer = caller.sign_in().issuer(request.issuer.as_deref())?.to_owned();
    users::check_name(&issuer, &request.subject)?;
    users::check_description(request.email.as_deref(), request.name.as_deref())?;
    may_give(&granted, request.role)?;
    // the user may be there already, and belong elsewhere alone
    let mut change = caller.change(granted.widened(), Some(&body.digest)).await?;
    has_room(&change, tenant).await?;
    let by = change.granted().actor().name();
    let user = users::store::find_or_make(change.tx(), &issuer, &request.subject, &by).await?;
    if users::store::read(change.tx(), user).await?.is_some_and(|u| u.created_by == by) {
        // who belongs elsewhere is described by himself and the platform, not by whoever adds him
        users::store::describe(change.tx(), user, request.email.as_deref(), request.name).await?;
    }
    if !store::insert(change.tx(), tenant, user, request.role, &by).await? {
        return Err(Error::new(Code::Duplicate, "this user belongs to the tenant already: change his role instead"));
    }
    let member = store::read(change.tx(), tenant, user).await?.ok_or_else(Error::not_found)?;
    tell(&mut change, ("MEMBER_ADDED", "tenantry.member.added"), tenant, user, Some(request.role)).await?;
    let reply = Reply::json(StatusCode::CREATED, &member)?.version(member.version);
    change.commit(reply.at(format!("/api/tenants/{tenant}/members/{user}"))).await
}

/// Fails where the tenant has as many as it can; others who add one wait.
pub(super) async fn has_room(change: &Change, tenant: TenantId) -> Result<(), Error> {
    store::lock_tenant(change.tx(), tenant).await?;
    if store::count(change.tx(), tenant).await? < MEMBERS_MAX {
        return Ok(());
    }
    let detail = format!("the tenant has {MEMBERS_MAX} members and invitations: remove some first");
    Err(Error::new(Code::StateConflict, detail))
}

#[utoipa::path(get, path = "/{id}/members/{user}", tag = "members",
    params(("id" = TenantId, Path), ("user" = Uuid, Path)),
    responses((status = 200, description = "The member", body = Membership)))]
async fn read(caller: Caller, Path((tenant, user)): Path<(String, String)>) -> Result<Reply, Error> {
    let tenant = caller.tenant_of(&tenant)?;
    let granted = caller.on_tenant(Permission::MemberRead, tenant).await?;
    let user = user_id(&user)?;
    let view = View::begin(caller.db(), &granted).await?;
    let member = store::read(view.tx(), tenant, user).await?.ok_or_else(Error::not_found)?;
    Ok(Reply::json(StatusCode::OK, &member)?.version(member.version))
}

#[utoipa::path(patch, path = "/{id}/members/{user}", tag = "members",
    params(("id" = TenantId, Path), ("user" = Uuid, Path)), request_body = RoleChange,
    responses((status = 200, description = "The member as he is now", body = Membership)))]
async fn change_role(
    caller: Caller,
    Path((tenant, user)): Path<(String, String)>,
    body: Body<RoleChange>,
) -> Result<Reply, Error> {
    let tenant = caller.tenant_of(&tenant)?;
    let granted = caller.on_tenant(Permission::MemberManage, tenant).await?;
    let (user, role) = (user_id(&user)?, body.value.role);
    may_give(&granted, role)?;
    let mut change = caller.change(granted, None).await?;
    store::lock_tenant(change.tx(), tenant).await?;
    let before = store::read(change.tx(), tenant, user).await?.ok_or_else(Error::not_found)?;
    caller.expects(before.version)?;
    keeps_an_admin(&change, tenant, user, &before.role, Some(role)).await?;
    store::set_role(change.tx(), tenant, user, role).await?;
    let member = store::read(change.tx(), tenant, user).await?.ok_or_else(Error::not_found)?;
    tell(&mut change, ("MEMBER_ROLE_CHANGED", "tenantry.member.changed"), tenant, user, Some(role)).await?;
    change.commit(Reply::json(StatusCode::OK, &member)?.version(member.version)).await
}

#[utoipa::path(delete, path = "/{id}/members/{user}", tag = "members",
    params(("id" = TenantId, Path), ("user" = Uuid, Path)),
    responses((status = 204, description = "The user belongs to the tenant no longer")))]
async fn remove(caller: Caller, Path((tenant, user)): Path<(String, String)>) -> Result<Reply, Error> {
    let tenant = caller.tenant_of(&tenant)?;
    let granted = caller.on_tenant(Permission::MemberManage, tenant).await?;
    let user = user_id(&user)?;
    let mut change = caller.change(granted, None).await?;
    leave(&change, tenant, user).await?;
    tell(&mut change, ("MEMBER_REMOVED", "tenantry.member.removed"), tenant, user, None).await?;
    change.commit(Reply::empty(StatusCode::NO_CONTENT)).await
}

async fn tell(
    change: &mut Change,
    (action, kind): (&'static str, &'static str),
    tenant: TenantId,
    user: Uuid,
    role: Option<Role>,
) -> Result<(), Error> {
    let entry = Entry::done(action, Severity::High, Some(tenant)).to("user", user);
    change.audit(entry.with(json!({ "role": role }))).await?;
    let data = json!({ "tenantId": tenant, "userId": user, "role": role });
    change.emit(Event { kind, subject: Some(tenant.to_string()), tenant: Some(tenant), data }).await
}
