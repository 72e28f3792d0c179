//! A tenant's quota over HTTP: `/api/tenants/{id}/quota`.
//!
//! Which fields there are (`maxSegments`, …) follows from the resources that the application counts: no name of one
//! stands in this program.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::counters::{self, Counters};
use super::ledger::Ledger;
use super::{Basis, Resource, Urgency, decide, field_of, no_application, percent, store};
use crate::access::{self, Granted, Permission};
use crate::audit::{Entry, Severity};
use crate::change::{Change, View};
use crate::error::{Code, Error};
use crate::http::Api;
use crate::http::body::Body;
use crate::http::caller::{Caller, Id};
use crate::http::query::Asked;
use crate::http::reply::Reply;
use crate::ids::TenantId;
use crate::outbox::Event;
use crate::plans::{Grace, Limits, UNITS_MAX};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(read, update, reset))
        .merge(super::validate::routes())
        .merge(super::reserve::routes())
        .merge(super::report::routes())
}

/// Which limits go back.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct Which {
    /// One resource; all if left out.
    resource: Option<String>,
}

#[utoipa::path(get, path = "/{id}/quota", tag = "quotas", operation_id = "readQuota", params(("id" = TenantId, Path)),
    responses((status = 200, description = "Limits and what is used of them", body = Quota)))]
async fn read(caller: Caller, Id(tenant): Id) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::QuotaRead, tenant).await?;
    let application = caller.api().quotas().application().ok_or_else(no_application)?;
    let view = View::begin(caller.db(), &granted).await?;
    let basis = store::basis(view.tx(), tenant).await?.ok_or_else(Error::not_found)?;
    drop(view);
    let (resources, counters) = ask(application, tenant).await?;
    Ok(Reply::json(StatusCode::OK, &shown(&basis, &resources, Some(&counters)))?.version(basis.decided))
}

#[utoipa::path(put, path = "/{id}/quota", tag = "quotas", operation_id = "updateQuota", params(("id" = TenantId, Path)),
    request_body(content = Limits, description = "Limits by field, like `{\"maxSegments\": 100}`; null for none. \
        What is left out stays"),
    responses((status = 200, description = "The quota as it is now, written into the application's database", body = Quota),
              (status = 202, description = "It is decided, and written as soon as that database answers: `usage` is null",
                body = Quota)))]
async fn update(caller: Caller, Id(tenant): Id, body: Body<Map<String, Value>>) -> Result<Reply, Error> {
    let granted = may_change(&caller, tenant).await?;
    let change = caller.change(granted.widened(), None).await?;
    let before = locked(&caller, &change, tenant).await?;
    let resources = known(&caller, &change).await?;
    let chosen = chosen(body.value, &before, &resources)?;
    for (resource, max) in &chosen {
        store::choose(change.tx(), tenant, resource, *max).await?;
    }
    settle(&caller, change, &before, &resources).await
}

#[utoipa::path(delete, path = "/{id}/quota", tag = "quotas", operation_id = "resetQuota", params(("id" = TenantId, Path), Which),
    responses((status = 200, description = "The quota, with the plan's limits again; one below another has nothing",
                body = Quota),
              (status = 202, description = "It is decided, and written as soon as the application's database answers",
                body = Quota)))]
async fn reset(caller: Caller, Id(tenant): Id, Asked(which): Asked<Which>) -> Result<Reply, Error> {
    let granted = may_change(&caller, tenant).await?;
    let change = caller.change(granted.widened(), None).await?;
    let before = locked(&caller, &change, tenant).await?;
    let resources = known(&caller, &change).await?;
    if let Some(name) = &which.resource {
        resources.iter().find(|r| r.name == *name).ok_or_else(|| unknown("resource", name, &resources))?;
    }
    store::unchoose(change.tx(), tenant, which.resource.as_deref()).await?;
    settle(&caller, change, &before, &resources).await
}

/// Who may change quotas changes this one; and who may give on out of the tenant above it, gives.
async fn may_change(caller: &Caller, tenant: TenantId) -> Result<Granted, Error> {
    let refused = match caller.on_tenant(Permission::QuotaManage, tenant).await {
        Err(error) if error.code == Code::Forbidden => error,
        other => return other,
    };
    let granted = caller.on_tenant(Permission::QuotaRead, tenant).await?;
    let view = View::begin(caller.db(), &granted).await?;
    let parent = store::basis(view.tx(), tenant).await?.ok_or_else(Error::not_found)?.parent;
    drop(view);
    let Some(parent) = parent else { return Err(refused) };
    // one that cannot be reached is none of the caller's, who does see the tenant itself
    access::on_tenant(caller.db(), caller.actor(), Permission::QuotaGive, parent).await.map_err(|_| refused)
}

/// What a tenant's limits follow from, held until the change ends.
async fn locked(caller: &Caller, change: &Change, tenant: TenantId) -> Result<Basis, Error> {
    let parent = store::basis(change.tx(), tenant).await?.ok_or_else(Error::not_found)?.parent;
    if let Some(parent) = parent {
        // those above before those below: everybody waits in one order
        store::hold(change.tx(), parent).await?;
    }
    store::hold(change.tx(), tenant).await?;
    let basis = store::basis(change.tx(), tenant).await?.ok_or_else(Error::not_found)?;
    caller.expects_if_said(basis.decided)?;
    Ok(basis)
}

/// The resources: as the application has them now, or as they were last seen.
async fn known(caller: &Caller, change: &Change) -> Result<Vec<Resource>, Error> {
    let application = caller.api().quotas().application().ok_or_else(no_application)?;
    let seen = store::resources(change.tx()).await?;
    if application.is_away() && !seen.is_empty() {
        return Ok(seen);
    }
    let asked = async {
        let asked = application.begin().await?;
        let resources = counters::resources(&asked).await?;
        asked.commit().await?;
        Ok::<_, Error>(resources)
    };
    match asked.await {
        Ok(now) => {
            if now != seen {
                store::keep_resources(change.tx(), &now).await?;
            }
            Ok(now)
        }
        Err(error) if seen.is_empty() => Err(error),
        Err(_) => Ok(seen),
    }
}

/// The limits that a body names.
fn chosen(
    mut body: Map<String, Value>,
    before: &Basis,
    resources: &[Resource],
) -> Result<BTreeMap<String, Option<i64>>, Error> {
    // what was read may be sent back whole
    for (name, is) in [("id", before.id.to_string()), ("workspaceId", before.tenant.to_string())] {
        if body.remove(name).is_some_and(|given| given != is) {
            return Err(Error::field(name, "this is another quota's: leave it out, or send what was read"));
        }
    }
    body.retain(|name, _| name != "createdAt" && name != "updatedAt");
    let mut chosen = BTreeMap::new();
    for (field, value) in body {
        let resource = resources.iter().find(|r| field_of(&r.name) == field);
        let resource = resource.ok_or_else(|| unknown(&field, &field, resources))?;
        let max = match &value {
            Value::Null => None,
            value => Some(
                value
                    .as_i64()
                    .filter(|n| (0..=UNITS_MAX).contains(n))
                    .ok_or_else(|| Error::field(&field, format!("give 0 to {UNITS_MAX}, or null for no limit")))?,
            ),
        };
        if max.is_none() && before.parent.is_some() {
            return Err(Error::field(&field, "what a tenant above gives is a number"));
        }
        chosen.insert(resource.name.clone(), max);
    }
    if chosen.is_empty() {
        return Err(Error::field("body", format!("give at least one limit: {}", fields(resources))));
    }
    Ok(chosen)
}

fn fields(resources: &[Resource]) -> String {
    resources.iter().map(|r| field_of(&r.name)).collect::<Vec<_>>().join(", ")
}

fn unknown(field: &str, name: &str, resources: &[Resource]) -> Error {
    let name: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
    let field: String = field.chars().filter(|c| !c.is_control()).take(40).collect();
    Error::field(field, format!("`{name}` is of no resource: the application counts {}", fields(resources)))
}

/// Decides, commits, writes, and shows what came of it.
async fn settle(caller: &Caller, mut change: Change, before: &Basis, resources: &[Resource]) -> Result<Reply, Error> {
    let tenant = before.tenant;
    let decided = decide(caller.api(), &change, tenant, Urgency::Now).await?;
    let basis = store::basis(change.tx(), tenant).await?.ok_or_else(Error::not_found)?;
    let mut changes = Map::new();
    for resource in resources {
        let (was, is) = (before.limit(&resource.name, resource.default), basis.limit(&resource.name, resource.default));
        if was != is {
            changes.insert(resource.name.clone(), json!({ "before": was.max, "after": is.max }));
        }
    }
    let entry = Entry::done("QUOTA_UPDATED", Severity::Medium, Some(tenant)).to("tenant", tenant);
    change.audit(entry.with(json!({ "limits": changes }))).await?;
    let data = json!({ "workspaceId": tenant, "limits": changes });
    let event = Event { kind: "tenantry.quota.updated", subject: Some(tenant.to_string()), tenant: Some(tenant), data };
    change.emit(event).await?;
    change.commit(Reply::empty(StatusCode::NO_CONTENT)).await?;
    let written = decided.write().await;
    let number = basis.decided;
    let now = Basis { written: if written { number } else { basis.written }, ..basis };
    let asked = match caller.api().quotas().application().filter(|_| written) {
        Some(application) => ask(application, tenant).await.ok(),
        None => None,
    };
    let status = if written { StatusCode::OK } else { StatusCode::ACCEPTED };
    let body = shown(&now, resources, asked.as_ref().map(|a| &a.1));
    Ok(Reply::json(status, &body)?.version(number))
}

/// Resources and counters of this moment.
pub(super) async fn ask(application: &Ledger, tenant: TenantId) -> Result<(Vec<Resource>, Counters), Error> {
    let asked = application.begin().await?;
    let resources = counters::resources(&asked).await?;
    let counters = counters::usage(&asked, tenant).await?;
    asked.commit().await?;
    Ok((resources, counters))
}

/// A tenant's quota.
#[derive(Debug, Serialize, ToSchema)]
struct Quota {
    /// `id`, `workspaceId`, a limit for each resource (`maxSegments`; null for none), `createdAt`, `updatedAt`.
    #[schema(value_type = Object)]
    quota: Map<String, Value>,
    /// What is there, by resource. Null while limits wait to be written.
    usage: Option<BTreeMap<String, i64>>,
    /// Of the limit, by resource; null without one.
    percentages: Option<BTreeMap<String, Option<f64>>>,
    state: State,
}

/// What else there is to say of it.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = QuotaState)]
struct State {
    /// The tenant's plan.
    plan: String,
    /// Whether the limits are written into the application's database.
    written: bool,
    /// Why they could not be written when it was last tried.
    failure: Option<String>,
    /// What the plan allows beyond a limit, for a while.
    grace: Option<Grace>,
    /// Where each limit comes from: `given`, `chosen`, `plan` or `default`.
    sources: BTreeMap<String, &'static str>,
    /// Kept free for work that comes.
    reserved: BTreeMap<String, i64>,
    /// Given to tenants below.
    given: BTreeMap<String, i64>,
}

/// A quota as it is shown.
fn shown(basis: &Basis, resources: &[Resource], counters: Option<&Counters>) -> Quota {
    let mut quota = Map::new();
    quota.insert("id".to_owned(), json!(basis.id));
    quota.insert("workspaceId".to_owned(), json!(basis.tenant));
    let (mut usage, mut percentages) = (BTreeMap::new(), BTreeMap::new());
    let mut state = State {
        plan: basis.plan.clone(),
        written: basis.written >= basis.decided,
        failure: basis.failure.clone(),
        grace: basis.grace,
        ..State::default()
    };
    for resource in resources {
        let (name, limit) = (resource.name.clone(), basis.limit(&resource.name, resource.default));
        quota.insert(field_of(&name), json!(limit.max));
        state.sources.insert(name.clone(), limit.source.as_str());
        let Some(counter) = counters.and_then(|c| c.get(&name)) else { continue };
        usage.insert(name.clone(), counter.used);
        percentages.insert(name.clone(), percent(counter.used, limit.max));
        state.reserved.insert(name.clone(), counter.reserved);
        state.given.insert(name, counter.given);
    }
    quota.insert("createdAt".to_owned(), json!(basis.created_at));
    quota.insert("updatedAt".to_owned(), json!(basis.updated_at));
    let is_asked = counters.is_some();
    Quota { quota, usage: is_asked.then_some(usage), percentages: is_asked.then_some(percentages), state }
}
