//! Keys over HTTP: `/api/tenants/{id}/keys`.

use axum::extract::Path;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::key::NewKey;
use super::store::{self, ApiKey, Kept};
use super::{Granted, Permission, Role, key};
use crate::ablation::{Protection, removed};
use crate::audit::{Entry, Severity};
use crate::change::{Change, View};
use crate::error::{Code, Error};
use crate::http::Api;
use crate::http::body::Body;
use crate::http::caller::{Caller, Id};
use crate::http::reply::Reply;
use crate::ids::TenantId;

/// Keys of one tenant that count at once: the proxy tries all of them.
pub(crate) const KEYS_MAX: i64 = 8;
/// Longest overlap of a rotated key with its successor.
const OVERLAP_S_MAX: u32 = 7 * 86_400;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke)).routes(routes!(rotate))
}

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct KeyRequest {
    /// What people call it.
    name: String,
    /// What it may do: Admin, WorkspaceManager, Author or Viewer.
    role: Role,
    /// From when on it is refused; never if left out.
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// All keys.
#[derive(Debug, Serialize, ToSchema)]
struct Keys {
    items: Vec<ApiKey>,
}

/// How a key is replaced.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct Rotation {
    /// For how long the old key still counts, in seconds; an hour if left out, a week at most.
    overlap_seconds: Option<u32>,
}

#[utoipa::path(get, path = "/{id}/keys", tag = "keys", params(("id" = TenantId, Path)),
    responses((status = 200, description = "The keys, never their secrets", body = Keys)))]
async fn list(caller: Caller, Id(tenant): Id) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::KeyRead, tenant).await?;
    let view = View::begin(caller.db(), &granted).await?;
    let keys = store::list(view.tx(), tenant).await?;
    Reply::json(StatusCode::OK, &Keys { items: keys })
}

#[utoipa::path(post, path = "/{id}/keys", tag = "keys", params(("id" = TenantId, Path)), request_body = KeyRequest,
    responses((status = 201, description = "The key, shown this once in `key`", body = ApiKey)))]
async fn create(caller: Caller, Id(tenant): Id, body: Body<KeyRequest>) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::KeyManage, tenant).await?;
    let request = &body.value;
    if request.name.trim().is_empty() || request.name.chars().count() > 200 {
        return Err(Error::field("name", "give 1 to 200 characters"));
    }
    if request.role.is_of_platform() {
        return Err(Error::field("role", "a key of a tenant is Admin, WorkspaceManager, Author or Viewer"));
    }
    if !granted.may_give(request.role) {
        return Err(Error::new(Code::Forbidden, "this role may do more than you may: nobody gives more than he has"));
    }
    if request.expires_at.is_some_and(|at| at <= Timestamp::now()) {
        return Err(Error::field("expiresAt", "give a time in the future, or leave it out"));
    }
    let change = caller.change(granted, Some(&body.digest)).await?;
    let wanted = Wanted { tenant, name: &request.name, role: request.role, expires_at: request.expires_at };
    make(&caller, change, &wanted, None).await
}

#[utoipa::path(post, path = "/{id}/keys/{key}/rotate", tag = "keys",
    params(("id" = TenantId, Path), ("key" = String, Path)), request_body = Rotation,
    responses((status = 201, description = "The new key, shown this once in `key`", body = ApiKey)))]
async fn rotate(
    caller: Caller,
    Path((tenant, id)): Path<(String, String)>,
    body: Body<Rotation>,
) -> Result<Reply, Error> {
    let tenant = caller.tenant_of(&tenant)?;
    let granted = caller.on_tenant(Permission::KeyManage, tenant).await?;
    let overlap = body.value.overlap_seconds.unwrap_or(3_600);
    if overlap > OVERLAP_S_MAX {
        return Err(Error::field("overlapSeconds", format!("give at most {OVERLAP_S_MAX}")));
    }
    let change = caller.change(granted, Some(&body.digest)).await?;
    let old = store::read(change.tx(), tenant, &id).await?.ok_or_else(Error::not_found)?;
    if !store::end_in(change.tx(), tenant, &id, f64::from(overlap)).await? {
        return Err(Error::new(Code::StateConflict, "the key is taken back already: make a new one"));
    }
    let role = Role::parse(&old.role).ok_or_else(|| Error::bug("read the role of a key"))?;
    let wanted = Wanted { tenant, name: &old.name, role, expires_at: old.expires_at };
    make(&caller, change, &wanted, Some(&id)).await
}

#[utoipa::path(delete, path = "/{id}/keys/{key}", tag = "keys", params(("id" = TenantId, Path), ("key" = String, Path)),
    responses((status = 204, description = "The key is taken back")))]
async fn revoke(caller: Caller, Path((tenant, id)): Path<(String, String)>) -> Result<Reply, Error> {
    let tenant = caller.tenant_of(&tenant)?;
    let granted = caller.on_tenant(Permission::KeyManage, tenant).await?;
    let mut change = caller.change(within(granted), None).await?;
    let place = place(&change, tenant, &id).await?;
    if !store::revoke(change.tx(), place, &id).await? {
        return Err(Error::not_found());
    }
    change.publishes();
    change.audit(Entry::done("KEY_REVOKED", Severity::High, Some(tenant)).to("apiKey", &id)).await?;
    change.commit(Reply::empty(StatusCode::NO_CONTENT)).await
}

/// Inside the tenant alone.
fn within(granted: Granted) -> Granted {
    if removed(Protection::PartOfTenant) { granted.widened() } else { granted }
}

/// Where a key is looked for: in the tenant of the path.
async fn place(change: &Change, tenant: TenantId, id: &str) -> Result<TenantId, Error> {
    if !removed(Protection::PartOfTenant) {
        return Ok(tenant);
    }
    Ok(store::find(change.tx(), id).await?.and_then(|key| key.tenant).unwrap_or(tenant))
}

struct Wanted<'a> {
    tenant: TenantId,
    name: &'a str,
    role: Role,
    expires_at: Option<Timestamp>,
}

async fn make(
    caller: &Caller,
    mut change: Change,
    wanted: &Wanted<'_>,
    replaces: Option<&str>,
) -> Result<Reply, Error> {
    if store::count_locked(change.tx(), wanted.tenant).await? >= KEYS_MAX {
        let detail = format!("the tenant has {KEYS_MAX} keys that count: take one back first");
        return Err(Error::new(Code::StateConflict, detail));
    }
    let (new, secret) = (NewKey::draw()?, caller.secret());
    let by = change.granted().actor().name();
    let kept = Kept {
        id: &new.id,
        tenant: Some(wanted.tenant),
        name: wanted.name,
        role: wanted.role,
        hash: &key::hash(secret, &new.text),
        verifier: Some(&new.verifier(secret, &wanted.tenant.to_string())?),
        expires_at: wanted.expires_at,
        replaces,
        created_by: &by,
    };
    let shown = store::insert(change.tx(), &kept).await?;
    change.publishes();
    let action = if replaces.is_some() { "KEY_ROTATED" } else { "KEY_CREATED" };
    let entry = Entry::done(action, Severity::High, Some(wanted.tenant)).to("apiKey", &new.id);
    change.audit(entry.with(json!({ "role": wanted.role, "replaces": replaces }))).await?;
    // the secret is shown once: an answer that is kept for repetitions is kept without it
    let reply = Reply::json(StatusCode::CREATED, &shown)?.with_secret("key", &new.text);
    change.commit(reply).await
}
