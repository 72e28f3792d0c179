//! Tenants over HTTP: `/api/tenants`.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Contact, Step, Subscription, Tenant, check, event_of, go, place, store, take_slug};
use crate::access::{Permission, Reach};
use crate::audit::{Entry, Severity};
use crate::change::{Change, View};
use crate::databases::Strategy;
use crate::error::{Code, Error};
use crate::http::Api;
use crate::http::body::Body;
use crate::http::body::given;
use crate::http::caller::{Caller, Id};
use crate::http::page;
use crate::http::query::Asked;
use crate::http::reply::Reply;
use crate::ids::TenantId;
use crate::{placing, quotas};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, update, delete))
        .routes(routes!(suspend))
        .routes(routes!(resume))
        .routes(routes!(restore))
}

/// The tenant of the request, without its id.
pub(crate) fn own_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(own))
}

/// A tenant to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NewTenant {
    name: String,
    slug: String,
    #[serde(default)]
    contact: Option<Contact>,
    #[serde(default)]
    subscription: Subscription,
    /// `shared` (the default), `schema` or `database`.
    #[serde(default)]
    isolation_strategy: Option<String>,
    /// `Root`, `Parent` or `Child`; follows from `parentId` if left out.
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    parent_id: Option<TenantId>,
    #[serde(default)]
    external_id: Option<String>,
}

/// What shall change; what is left out stays, null empties.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TenantChange {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    slug: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Contact>)]
    contact: Option<Option<Contact>>,
    #[serde(default)]
    subscription: Option<SubscriptionChange>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    external_id: Option<Option<String>>,
}

/// What shall change of the subscription.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SubscriptionChange {
    #[serde(default)]
    plan: Option<String>,
    #[serde(default)]
    status: Option<String>,
}

/// Why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Reason {
    reason: Option<String>,
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
    /// `provisioning`, `failed`, `active`, `suspended`, `deleted`, `erasing` or `erased`; all but erased ones if left out.
    status: Option<String>,
    /// A plan's name.
    plan: Option<String>,
    /// `Root`, `Parent` or `Child`.
    #[serde(rename = "type")]
    r#type: Option<String>,
    /// The tenant above.
    parent_id: Option<TenantId>,
    /// Words, or beginnings of words, of name, slug or external id.
    search: Option<String>,
}

#[utoipa::path(get, path = "", tag = "tenants", params(Filter),
    responses((status = 200, description = "A page: `items`, and `nextPageToken` if there are more")))]
async fn list(caller: Caller, Asked(filter): Asked<Filter>) -> Result<Reply, Error> {
    // who has a tenant sees it and those below it; the platform sees all
    let granted = match caller.actor().reach() {
        Reach::Platform(_) => caller.on_platform(Permission::TenantList)?,
        Reach::Tenant(..) | Reach::Nothing => caller.on_tenant(Permission::TenantRead, caller.own_tenant()?).await?,
    };
    let limit = page::size(filter.page_size)?;
    let words = filter.search.as_deref().map(words).transpose()?;
    let bound = format!(
        "tenants {} {:?} {:?} {:?} {:?} {words:?}",
        caller.actor().name(),
        filter.status,
        filter.plan,
        filter.r#type,
        filter.parent_id
    );
    let after = filter.page_token.as_deref().map(|t| page::read(caller.secret(), &bound, t)).transpose()?;
    let view = View::begin(caller.db(), &granted).await?;
    let wanted = store::Wanted {
        after,
        status: filter.status.as_deref(),
        plan: filter.plan.as_deref(),
        kind: filter.r#type.as_deref(),
        parent: filter.parent_id,
        search: words.as_deref(),
        limit: limit + 1,
    };
    let mut items = store::list(view.tx(), &wanted).await?;
    let more = items.len() as i64 > limit;
    items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let last = items.last().filter(|_| more);
    let next = last.map(|t| page::token(caller.secret(), &bound, t.id.0));
    Reply::json(StatusCode::OK, &json!({ "items": items, "nextPageToken": next }))
}

/// The words of a search as the index is asked: each the beginning of a word.
fn words(text: &str) -> Result<String, Error> {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(|w| format!("{}:*", w.to_lowercase()))
        .collect();
    if words.is_empty() || text.len() > 200 {
        return Err(Error::field("search", "give words, at most 200 bytes"));
    }
    Ok(words.join(" & "))
}

#[utoipa::path(post, path = "", tag = "tenants", request_body = NewTenant,
    responses((status = 201, description = "The tenant; `provisioning` while its own schema or database is made", body = Tenant)))]
async fn create(caller: Caller, body: Body<NewTenant>) -> Result<Reply, Error> {
    let request = body.value;
    let (granted, parent) = match request.parent_id {
        None => (caller.on_platform(Permission::TenantCreate)?, None),
        Some(parent) => {
            let granted = caller.on_tenant(Permission::ChildCreate, parent).await?;
            (granted, Some(parent))
        }
    };
    let strategy = request.isolation_strategy.as_deref().unwrap_or("shared");
    let strategy = Strategy::parse(strategy)
        .ok_or_else(|| Error::field("isolationStrategy", "give shared, schema or database"))?;
    if parent.is_some() && strategy != Strategy::Shared {
        // a place of its own is the platform's to give
        caller.on_platform(Permission::TenantSubscribe)?;
    }
    let id = TenantId::new();
    let mut tenant = Tenant {
        id,
        key: id.to_string(),
        slug: request.slug,
        name: request.name,
        contact: request.contact,
        subscription: request.subscription,
        isolation_strategy: strategy.as_str().to_owned(),
        kind: String::new(),
        parent_id: None,
        path: Vec::new(),
        external_id: request.external_id,
        status: if strategy == Strategy::Shared { "active" } else { "provisioning" }.to_owned(),
        status_reason: None,
        deleted_at: None,
        erase_at: None,
        version: 1,
        created_at: Timestamp::now(),
        updated_at: Timestamp::now(),
    };
    check(&tenant)?;
    caller.sign_in().may_make(&tenant.slug)?;
    if parent.is_some() && tenant.subscription != Subscription::default() {
        // who may make a child may not choose what the platform is paid for it
        caller.on_platform(Permission::TenantSubscribe)?;
    }
    // whether a slug is free is a question about all tenants
    let mut change = caller.change(granted.widened(), Some(&body.digest)).await?;
    let parent = match parent {
        Some(parent) => Some(store::lock(&change, parent).await?),
        None => None,
    };
    place(&mut tenant, parent.as_ref(), request.kind.as_deref())?;
    take_slug(&change, id, &tenant.slug).await?;
    plan_can_be_had(&change, &tenant).await?;
    let tenant = store::insert(&change, &tenant).await.map_err(named)?;
    placing::choose(&change, caller.shop(), id, strategy).await?;
    // what is below another has nothing from its first moment on; the others are not made to wait
    let urgency = if tenant.parent_id.is_some() { quotas::Urgency::Now } else { quotas::Urgency::Soon };
    let decided = quotas::decide(caller.api(), &change, id, urgency).await?;
    change.publishes();
    let entry = Entry::done("TENANT_CREATED", Severity::Medium, Some(id)).to("tenant", id);
    let more = json!({ "slug": tenant.slug, "plan": tenant.subscription.plan, "isolationStrategy": strategy });
    change.audit(entry.with(more)).await?;
    change.emit(event_of("tenantry.tenant.created", &tenant)).await?;
    let reply = Reply::json(StatusCode::CREATED, &tenant)?.version(tenant.version);
    let reply = change.commit(reply.at(format!("/api/tenants/{id}"))).await?;
    caller.shop().wake();
    decided.write().await;
    Ok(reply)
}

/// A tenant's plan exists, and is not retired; who has a retired one keeps it.
async fn plan_can_be_had(change: &Change, tenant: &Tenant) -> Result<(), Error> {
    let plan = &tenant.subscription.plan;
    match crate::plans::store::status(change.tx(), plan).await?.as_deref() {
        Some("active") => Ok(()),
        Some(_) => Err(Error::field("subscription.plan", "this plan is retired: choose another")),
        None => Err(Error::field("subscription.plan", "there is no such plan: GET /api/plans lists them")),
    }
}

#[utoipa::path(get, path = "/{id}", tag = "tenants", params(("id" = TenantId, Path)),
    responses((status = 200, description = "The tenant", body = Tenant)))]
async fn read(caller: Caller, Id(id): Id) -> Result<Reply, Error> {
    show(&caller, id).await
}

/// The tenant of the credential, or of the header X-Tenant-ID.
#[utoipa::path(get, path = "/api/tenant", tag = "tenants",
    responses((status = 200, description = "The tenant", body = Tenant)))]
pub(crate) async fn own(caller: Caller) -> Result<Reply, Error> {
    let id = caller.own_tenant()?;
    show(&caller, id).await
}

async fn show(caller: &Caller, id: TenantId) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::TenantRead, id).await?;
    let view = View::begin(caller.db(), &granted).await?;
    let tenant = store::read(&view, id).await?.ok_or_else(Error::not_found)?;
    Ok(Reply::json(StatusCode::OK, &tenant)?.version(tenant.version))
}

#[utoipa::path(patch, path = "/{id}", tag = "tenants", params(("id" = TenantId, Path)), request_body = TenantChange,
    responses((status = 200, description = "The tenant as it is now", body = Tenant)))]
async fn update(caller: Caller, Id(id): Id, body: Body<TenantChange>) -> Result<Reply, Error> {
    let request = body.value;
    let granted = caller.on_tenant(Permission::TenantUpdate, id).await?;
    if request.subscription.is_some() {
        caller.on_tenant(Permission::TenantSubscribe, id).await?;
    }
    let mut change = caller.change(granted.widened(), None).await?;
    let before = store::lock(&change, id).await?;
    caller.expects(before.version)?;
    if before.status == "deleted" {
        return Err(Error::new(Code::StateConflict, "the tenant is deleted: restore it first"));
    }
    if ["erasing", "erased"].contains(&before.status.as_str()) {
        return Err(Error::new(Code::StateConflict, "the tenant is gone for good"));
    }
    let mut tenant = before.clone();
    let fields = changed(&mut tenant, request);
    check(&tenant)?;
    if tenant.slug != before.slug {
        take_slug(&change, id, &tenant.slug).await?;
    }
    let another_plan = tenant.subscription.plan != before.subscription.plan;
    if another_plan {
        plan_can_be_had(&change, &tenant).await?;
    }
    let tenant = store::update(&change, &tenant).await.map_err(named)?;
    let decided = match another_plan {
        true => Some(quotas::decide(caller.api(), &change, id, quotas::Urgency::Now).await?),
        false => None,
    };
    change.publishes();
    let entry = Entry::done("TENANT_UPDATED", Severity::Low, Some(id)).to("tenant", id);
    change.audit(entry.with(json!({ "fields": fields }))).await?;
    change.emit(event_of("tenantry.tenant.updated", &tenant)).await?;
    let reply = Reply::json(StatusCode::OK, &tenant)?.version(tenant.version);
    let reply = change.commit(reply).await?;
    if let Some(decided) = decided {
        decided.write().await;
    }
    Ok(reply)
}

/// Puts what was asked for into the tenant, and names the fields.
fn changed(tenant: &mut Tenant, request: TenantChange) -> Vec<&'static str> {
    let mut fields = Vec::new();
    if let Some(name) = request.name {
        tenant.name = name;
        fields.push("name");
    }
    if let Some(slug) = request.slug {
        tenant.slug = slug;
        fields.push("slug");
    }
    if let Some(contact) = request.contact {
        tenant.contact = contact;
        fields.push("contact");
    }
    if let Some(external_id) = request.external_id {
        tenant.external_id = external_id;
        fields.push("externalId");
    }
    if let Some(subscription) = request.subscription {
        if let Some(plan) = subscription.plan {
            tenant.subscription.plan = plan;
            fields.push("subscription.plan");
        }
        if let Some(status) = subscription.status {
            tenant.subscription.status = status;
            fields.push("subscription.status");
        }
    }
    fields
}

#[utoipa::path(delete, path = "/{id}", tag = "tenants", params(("id" = TenantId, Path)),
    responses((status = 200, description = "The tenant, which can be restored until `eraseAt`", body = Tenant)))]
async fn delete(caller: Caller, Id(id): Id) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::TenantDelete, id).await?;
    let mut change = caller.change(granted, None).await?;
    let tenant = store::lock(&change, id).await?;
    caller.expects(tenant.version)?;
    let tenant = go(&mut change, tenant, Step::Delete, None).await?;
    let reply = change.commit(Reply::json(StatusCode::OK, &tenant)?.version(tenant.version)).await?;
    caller.shop().wake();
    Ok(reply)
}

#[utoipa::path(post, path = "/{id}/suspend", tag = "tenants", params(("id" = TenantId, Path)), request_body = Reason,
    responses((status = 200, description = "The tenant, whose sessions end", body = Tenant)))]
async fn suspend(caller: Caller, Id(id): Id, body: Body<Reason>) -> Result<Reply, Error> {
    step(&caller, id, body, Step::Suspend, Permission::TenantSuspend).await
}

#[utoipa::path(post, path = "/{id}/resume", tag = "tenants", params(("id" = TenantId, Path)), request_body = Reason,
    responses((status = 200, description = "The tenant, which may work again", body = Tenant)))]
async fn resume(caller: Caller, Id(id): Id, body: Body<Reason>) -> Result<Reply, Error> {
    step(&caller, id, body, Step::Resume, Permission::TenantSuspend).await
}

#[utoipa::path(post, path = "/{id}/restore", tag = "tenants", params(("id" = TenantId, Path)), request_body = Reason,
    responses((status = 200, description = "The tenant, deleted no more", body = Tenant)))]
async fn restore(caller: Caller, Id(id): Id, body: Body<Reason>) -> Result<Reply, Error> {
    step(&caller, id, body, Step::Restore, Permission::TenantDelete).await
}

async fn step(
    caller: &Caller,
    id: TenantId,
    body: Body<Reason>,
    step: Step,
    permission: Permission,
) -> Result<Reply, Error> {
    let reason = body.value.reason;
    if reason.as_ref().is_some_and(|r| r.chars().count() > 500) {
        return Err(Error::field("reason", "give at most 500 characters"));
    }
    let granted = caller.on_tenant(permission, id).await?;
    let mut change = caller.change(granted, Some(&body.digest)).await?;
    let tenant = store::lock(&change, id).await?;
    let tenant = go(&mut change, tenant, step, reason.filter(|_| step == Step::Suspend)).await?;
    let reply = change.commit(Reply::json(StatusCode::OK, &tenant)?.version(tenant.version)).await?;
    caller.shop().wake();
    Ok(reply)
}

/// A constraint of the table in the words of the field it is about.
fn named(mut error: Error) -> Error {
    if error.code == Code::Duplicate && error.constraint.as_deref() == Some("tenant_external_id_key") {
        "another tenant has this externalId".clone_into(&mut error.detail);
    }
    error
}
