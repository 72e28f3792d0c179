//! Users over HTTP: `/api/users`, for the platform.

use axum::extract::Path;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{User, check_description, check_name, store};
use crate::access::{Permission, Role};
use crate::audit::{Entry, Severity};
use crate::change::View;
use crate::error::{Code, Error};
use crate::http::Api;
use crate::http::body::Body;
use crate::http::body::given;
use crate::http::caller::Caller;
use crate::http::page::{self, Listed};
use crate::http::query::Asked;
use crate::http::reply::Reply;
use crate::members;
use crate::outbox::Event;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(read, update, remove))
}

/// A user to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NewUser {
    /// `iss` of the user's tokens.
    issuer: String,
    /// `sub` of the user's tokens.
    subject: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    name: Option<String>,
    /// `Operator`, or nothing.
    #[serde(default)]
    platform_role: Option<Role>,
}

/// What shall change; what is left out stays, null empties.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct UserChange {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Role>)]
    platform_role: Option<Option<Role>>,
    /// `active`, or `disabled`: tokens of a disabled user count no longer.
    #[serde(default)]
    status: Option<String>,
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
    /// Users of this issuer.
    issuer: Option<String>,
    /// Users with this address.
    email: Option<String>,
    /// `active` or `disabled`.
    status: Option<String>,
}

/// `{user}` of a path.
pub(crate) fn user_id(text: &str) -> Result<Uuid, Error> {
    let bad = || Error::field("user", "give the user's id, a UUID like 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d");
    let id = Uuid::try_parse(text).map_err(|_| bad())?;
    if text.len() == 36 { Ok(id) } else { Err(bad()) }
}

#[utoipa::path(get, path = "", tag = "users", params(Filter),
    responses((status = 200, description = "A page: `items`, and `nextPageToken` if there are more", body = Listed<User>)))]
async fn list(caller: Caller, Asked(filter): Asked<Filter>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::UserRead)?;
    let limit = page::size(filter.page_size)?;
    let email = filter.email.as_deref().map(str::to_lowercase);
    let bound = format!("users {} {:?} {email:?} {:?}", caller.actor().name(), filter.issuer, filter.status);
    let after = filter.page_token.as_deref().map(|t| page::read(caller.secret(), &bound, t)).transpose()?;
    let view = View::begin(caller.db(), &granted).await?;
    let (issuer, status) = (filter.issuer.as_deref(), filter.status.as_deref());
    let wanted = store::Wanted { after, issuer, email: email.as_deref(), status, limit: limit + 1 };
    let mut items = store::list(view.tx(), &wanted).await?;
    let more = items.len() as i64 > limit;
    items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = items.last().filter(|_| more).map(|u| page::token(caller.secret(), &bound, u.id));
    Reply::json(StatusCode::OK, &json!({ "items": items, "nextPageToken": next }))
}

#[utoipa::path(post, path = "", tag = "users", request_body = NewUser,
    responses((status = 201, description = "The user", body = User)))]
async fn create(caller: Caller, body: Body<NewUser>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::UserManage)?;
    let request = body.value;
    check_name(&request.issuer, &request.subject)?;
    check_description(request.email.as_deref(), request.name.as_deref())?;
    let user = User {
        id: Uuid::now_v7(),
        issuer: request.issuer,
        subject: request.subject,
        email: request.email,
        name: request.name,
        platform_role: of_platform(request.platform_role)?,
        status: "active".to_owned(),
        last_login_at: None,
        version: 1,
        created_at: Timestamp::now(),
        updated_at: Timestamp::now(),
        created_by: granted.actor().name(),
    };
    let mut change = caller.change(granted, Some(&body.digest)).await?;
    let user = store::insert(change.tx(), &user).await.map_err(|mut error| {
        if error.code == Code::Duplicate {
            "there is a user of this issuer and subject already".clone_into(&mut error.detail);
        }
        error
    })?;
    let severity = if user.platform_role.is_some() { Severity::Critical } else { Severity::Medium };
    let entry = Entry::done("USER_CREATED", severity, None).to("user", user.id);
    change.audit(entry.with(json!({ "platformRole": user.platform_role }))).await?;
    change.emit(event("tenantry.user.created", &user)).await?;
    let reply = Reply::json(StatusCode::CREATED, &user)?.version(user.version);
    change.commit(reply.at(format!("/api/users/{}", user.id))).await
}

fn of_platform(role: Option<Role>) -> Result<Option<String>, Error> {
    match role {
        Some(role) if !role.is_of_platform() => {
            Err(Error::field("platformRole", "give Operator or leave it out: roles in a tenant are its members'"))
        }
        role => Ok(role.map(|r| r.as_str().to_owned())),
    }
}

#[utoipa::path(get, path = "/{user}", tag = "users", params(("user" = Uuid, Path)),
    responses((status = 200, description = "The user", body = User)))]
async fn read(caller: Caller, Path(id): Path<String>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::UserRead)?;
    let id = user_id(&id)?;
    let view = View::begin(caller.db(), &granted).await?;
    let user = store::read(view.tx(), id).await?.ok_or_else(Error::not_found)?;
    Ok(Reply::json(StatusCode::OK, &user)?.version(user.version))
}

#[utoipa::path(patch, path = "/{user}", tag = "users", params(("user" = Uuid, Path)), request_body = UserChange,
    responses((status = 200, description = "The user as he is now", body = User)))]
async fn update(caller: Caller, Path(id): Path<String>, body: Body<UserChange>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::UserManage)?;
    let (id, request) = (user_id(&id)?, body.value);
    let mut change = caller.change(granted, None).await?;
    let mut user = store::lock(change.tx(), id).await?;
    caller.expects(user.version)?;
    let (was_role, was_status) = (user.platform_role.clone(), user.status.clone());
    let mut fields = Vec::new();
    if let Some(email) = request.email {
        user.email = email;
        fields.push("email");
    }
    if let Some(name) = request.name {
        user.name = name;
        fields.push("name");
    }
    if let Some(role) = request.platform_role {
        user.platform_role = of_platform(role)?;
        fields.push("platformRole");
    }
    if let Some(status) = request.status {
        if !["active", "disabled"].contains(&status.as_str()) {
            return Err(Error::field("status", "give active or disabled"));
        }
        user.status = status;
        fields.push("status");
    }
    check_description(user.email.as_deref(), user.name.as_deref())?;
    let user = store::update(change.tx(), &user).await?;
    let matters = was_role != user.platform_role || was_status != user.status;
    let entry = Entry::done("USER_UPDATED", if matters { Severity::Critical } else { Severity::Low }, None);
    let more = json!({ "fields": fields, "platformRole": user.platform_role, "status": user.status });
    change.audit(entry.to("user", user.id).with(more)).await?;
    change.emit(event("tenantry.user.updated", &user)).await?;
    change.commit(Reply::json(StatusCode::OK, &user)?.version(user.version)).await
}

#[utoipa::path(delete, path = "/{user}", tag = "users", params(("user" = Uuid, Path)),
    responses((status = 204, description = "The user is gone, and belongs nowhere")))]
async fn remove(caller: Caller, Path(id): Path<String>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::UserManage)?;
    let id = user_id(&id)?;
    let mut change = caller.change(granted, None).await?;
    let user = store::lock(change.tx(), id).await?;
    for tenant in store::tenants(change.tx(), id).await? {
        members::leave(&change, tenant, id).await?;
        let entry = Entry::done("MEMBER_REMOVED", Severity::High, Some(tenant)).to("user", id);
        change.audit(entry.with(json!({ "reason": "the user was removed" }))).await?;
    }
    store::remove(change.tx(), id).await?;
    change.audit(Entry::done("USER_REMOVED", Severity::High, None).to("user", id)).await?;
    change.emit(event("tenantry.user.removed", &user)).await?;
    change.commit(Reply::empty(StatusCode::NO_CONTENT)).await
}

/// No address and no name: an event goes to others.
fn event(kind: &'static str, user: &User) -> Event {
    let data = json!({ "id": user.id, "status": user.status, "platformRole": user.platform_role });
    Event { kind, subject: Some(user.id.to_string()), tenant: None, data }
}
