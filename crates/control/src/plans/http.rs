//! Plans over HTTP: `/api/plans`.

use std::collections::BTreeSet;

use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{FIRST, Grace, Limits, Plan, check, is_key, store};
use crate::access::{Granted, Permission, Reach};
use crate::audit::{Entry, Severity};
use crate::change::View;
use crate::error::{Code, Error};
use crate::http::Api;
use crate::http::body::Body;
use crate::http::caller::Caller;
use crate::http::reply::Reply;
use crate::quotas;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(read, update, delete)).routes(routes!(retire))
}

/// A plan to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPlan {
    /// Its name in subscriptions: letters, digits, `-` and `_`.
    key: String,
    /// Its name for people; the key if left out.
    #[serde(default)]
    name: Option<String>,
    /// Limits by resource; null is no limit.
    #[serde(default)]
    limits: Limits,
    /// What it comes with, by name.
    #[serde(default)]
    features: BTreeSet<String>,
    /// Whether tenants may go over their limits for a while.
    #[serde(default)]
    grace: Option<Grace>,
}

/// What shall change; what is left out stays. Limits and features are replaced as a whole; a grace of null ends it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PlanChange {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    limits: Option<Limits>,
    #[serde(default)]
    features: Option<BTreeSet<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Grace>)]
    grace: Option<Option<Grace>>,
}

/// Nothing has to be said.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NoBody)]
struct Nothing {}

/// Null is something else than nothing.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Grace>>, D::Error> {
    Option::<Grace>::deserialize(deserializer).map(Some)
}

/// `{key}` of a path. What is no key names no plan.
struct Key(String);

impl FromRequestParts<Api> for Key {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Error> {
        let Path(key) = Path::<String>::from_request_parts(parts, api).await.map_err(|_| Error::not_found())?;
        if is_key(&key) { Ok(Self(key)) } else { Err(Error::not_found()) }
    }
}

/// Who has a tenant reads plans as that tenant does, the platform as a whole.
async fn may_read(caller: &Caller) -> Result<Granted, Error> {
    match caller.actor().reach() {
        Reach::Platform(_) => caller.on_platform(Permission::PlanRead),
        Reach::Tenant(..) | Reach::Nothing => caller.on_tenant(Permission::PlanRead, caller.own_tenant()?).await,
    }
}

#[utoipa::path(get, path = "", tag = "plans", operation_id = "listPlans",
    responses((status = 200, description = "All plans, retired ones included: `items`")))]
async fn list(caller: Caller) -> Result<Reply, Error> {
    let granted = may_read(&caller).await?;
    let view = View::begin(caller.db(), &granted).await?;
    Reply::json(StatusCode::OK, &json!({ "items": store::list(view.tx()).await? }))
}

#[utoipa::path(post, path = "", tag = "plans", operation_id = "createPlan", request_body = NewPlan,
    responses((status = 201, description = "The plan", body = Plan)))]
async fn create(caller: Caller, body: Body<NewPlan>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::PlanManage)?;
    let request = body.value;
    let plan = Plan {
        name: request.name.unwrap_or_else(|| request.key.clone()),
        key: request.key,
        limits: request.limits,
        features: request.features,
        grace: request.grace,
        status: "active".to_owned(),
        version: 1,
        tenants: 0,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    };
    check(&plan)?;
    let mut change = caller.change(granted, Some(&body.digest)).await?;
    store::insert(change.tx(), &plan).await.map_err(|mut error| {
        if error.code == Code::Duplicate {
            "there is a plan of this key already: change that one, or give another key".clone_into(&mut error.detail);
        }
        error
    })?;
    let plan = store::read(change.tx(), &plan.key).await?.ok_or_else(|| Error::bug("read a plan that was made"))?;
    change.audit(entry("PLAN_CREATED", &plan)).await?;
    let place = format!("/api/plans/{}", plan.key);
    change.commit(Reply::json(StatusCode::CREATED, &plan)?.version(plan.version).at(place)).await
}

#[utoipa::path(get, path = "/{key}", tag = "plans", operation_id = "readPlan", params(("key" = String, Path)),
    responses((status = 200, description = "The plan", body = Plan)))]
async fn read(caller: Caller, Key(key): Key) -> Result<Reply, Error> {
    let granted = may_read(&caller).await?;
    let view = View::begin(caller.db(), &granted).await?;
    let plan = store::read(view.tx(), &key).await?.ok_or_else(Error::not_found)?;
    Ok(Reply::json(StatusCode::OK, &plan)?.version(plan.version))
}

#[utoipa::path(patch, path = "/{key}", tag = "plans", operation_id = "updatePlan", params(("key" = String, Path)), request_body = PlanChange,
    responses((status = 200, description = "The plan as it is now; its tenants get their new limits", body = Plan)))]
async fn update(caller: Caller, Key(key): Key, body: Body<PlanChange>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::PlanManage)?;
    let mut change = caller.change(granted, None).await?;
    let before = store::lock(change.tx(), &key).await?;
    caller.expects(before.version)?;
    let request = body.value;
    let mut plan = before.clone();
    if let Some(name) = request.name {
        plan.name = name;
    }
    if let Some(limits) = request.limits {
        plan.limits = limits;
    }
    if let Some(features) = request.features {
        plan.features = features;
    }
    if let Some(grace) = request.grace {
        plan.grace = grace;
    }
    check(&plan)?;
    store::update(change.tx(), &plan).await?;
    if plan.limits != before.limits {
        quotas::plan_changed(change.tx(), &plan).await?;
    }
    let plan = store::read(change.tx(), &key).await?.ok_or_else(|| Error::bug("read a plan that was changed"))?;
    let metadata = json!({ "version": plan.version, "limits": plan.limits, "before": before.limits });
    change.audit(entry("PLAN_UPDATED", &plan).with(metadata)).await?;
    let reply = change.commit(Reply::json(StatusCode::OK, &plan)?.version(plan.version)).await?;
    caller.api().quotas().wake();
    Ok(reply)
}

#[utoipa::path(post, path = "/{key}/retire", tag = "plans", operation_id = "retirePlan", params(("key" = String, Path)), request_body = Nothing,
    responses((status = 200, description = "The plan: who has it keeps it, nobody new gets it", body = Plan)))]
async fn retire(caller: Caller, Key(key): Key, body: Body<Nothing>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::PlanManage)?;
    let mut change = caller.change(granted, Some(&body.digest)).await?;
    let mut plan = store::lock(change.tx(), &key).await?;
    if key == FIRST {
        let detail = format!("new tenants begin with the plan `{FIRST}`: it cannot be retired");
        return Err(Error::new(Code::StateConflict, detail));
    }
    if plan.status == "retired" {
        return Err(Error::new(Code::StateConflict, "the plan is retired already"));
    }
    "retired".clone_into(&mut plan.status);
    store::update(change.tx(), &plan).await?;
    let plan = store::read(change.tx(), &key).await?.ok_or_else(|| Error::bug("read a plan that was retired"))?;
    change.audit(entry("PLAN_RETIRED", &plan).with(json!({ "tenants": plan.tenants }))).await?;
    change.commit(Reply::json(StatusCode::OK, &plan)?.version(plan.version)).await
}

#[utoipa::path(delete, path = "/{key}", tag = "plans", operation_id = "deletePlan", params(("key" = String, Path)),
    responses((status = 204, description = "The plan is gone; one that tenants have can only be retired")))]
async fn delete(caller: Caller, Key(key): Key) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::PlanManage)?;
    let mut change = caller.change(granted, None).await?;
    let plan = store::lock(change.tx(), &key).await?;
    caller.expects(plan.version)?;
    if plan.tenants > 0 || key == FIRST {
        let detail = format!("{} tenants have this plan, or new ones begin with it: retire it instead", plan.tenants);
        return Err(Error::new(Code::StateConflict, detail));
    }
    store::delete(change.tx(), &key).await?;
    change.audit(entry("PLAN_DELETED", &plan)).await?;
    change.commit(Reply::empty(StatusCode::NO_CONTENT)).await
}

fn entry(action: &'static str, plan: &Plan) -> Entry {
    let entry = Entry::done(action, Severity::Medium, None).to("plan", &plan.key);
    entry.with(json!({ "version": plan.version, "limits": plan.limits, "features": plan.features }))
}
