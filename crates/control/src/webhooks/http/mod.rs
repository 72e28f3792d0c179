//! Webhooks over HTTP: the same under `/api/webhooks` for the platform and under `/api/tenants/{id}/webhooks`.

mod of_platform;
mod of_tenant;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::secret::EndpointSecret;
use super::{WEBHOOKS_MAX, address, queue, store, wanted};
use crate::access::Granted;
use crate::audit::{Entry, Severity};
use crate::change::View;
use crate::error::{Code, Error};
use crate::http::body::Body;
use crate::http::caller::Caller;
use crate::http::page;
use crate::http::reply::Reply;
use crate::ids::TenantId;
use crate::outbox::Event;

pub(crate) use of_platform::routes as platform_routes;
pub(crate) use of_tenant::routes;

/// Longest overlap of two secrets.
const OVERLAP_S_MAX: u32 = 7 * 86_400;
/// Overlap of two secrets, unless the request says otherwise.
const OVERLAP_S: u32 = 86_400;
/// What is sent to try an endpoint.
const TEST: &str = "tenantry.webhook.test";

/// An endpoint.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// Its id.
    pub id: Uuid,
    /// Its tenant; none for one of the platform.
    pub tenant_id: Option<TenantId>,
    /// Where events are sent.
    pub url: String,
    /// What people call it.
    pub description: String,
    /// Which events: types, `tenantry.tenant.*`, or `*`.
    pub event_types: Vec<String>,
    /// Whether it is told of events.
    pub enabled: bool,
    /// Why it was disabled, where nobody asked for it.
    pub disabled_reason: Option<String>,
    /// Since when it fails.
    pub failing_since: Option<Timestamp>,
    /// Until when the secret before the last rotation signs too.
    pub previous_secret_until: Option<Timestamp>,
    #[serde(skip)]
    pub(crate) version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

/// What was sent to an endpoint, or shall be.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Its id.
    pub id: Uuid,
    /// The event, in the header `webhook-id` of every try.
    pub event_id: Uuid,
    /// The event's type.
    pub event_type: String,
    /// `pending`, `delivered`, or `dead`: no more tries.
    pub status: String,
    /// Tries so far.
    pub attempts: i32,
    /// When the next try is due.
    pub next_at: Option<Timestamp>,
    /// When it was last tried.
    pub last_at: Option<Timestamp>,
    /// The status of the last answer.
    pub last_status: Option<i32>,
    /// What went wrong: `status`, `redirect`, `timeout`, `unreachable`, `tls`, `address-refused` or `bad-address`.
    pub last_error: Option<String>,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
    /// When it was written down.
    pub created_at: Timestamp,
}

/// An endpoint to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct NewWebhook {
    /// An https:// address of the public internet.
    url: String,
    /// What people call it.
    #[serde(default)]
    description: String,
    /// Which events; all if left out.
    #[serde(default = "all")]
    event_types: Vec<String>,
}

fn all() -> Vec<String> {
    vec!["*".to_owned()]
}

/// What shall change; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct WebhookChange {
    url: Option<String>,
    description: Option<String>,
    event_types: Option<Vec<String>>,
    /// One that is enabled again goes on with what waits.
    enabled: Option<bool>,
}

/// How a secret is replaced.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct SecretRotation {
    /// For how long the secret before signs too, in seconds; a day if left out, a week at most.
    overlap_seconds: Option<u32>,
}

/// The endpoint with its secret.
#[derive(Debug, Serialize, ToSchema)]
#[allow(dead_code, reason = "for the document")]
pub(super) struct WebhookWithSecret {
    #[serde(flatten)]
    webhook: Webhook,
    /// What its receiver checks signatures by: `whsec_…`, shown this once. Null if the same request is sent again.
    secret: Option<String>,
}

/// All endpoints.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Webhooks {
    items: Vec<Webhook>,
}

/// A page of deliveries, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deliveries {
    items: Vec<Delivery>,
    /// Where to go on, if there are more.
    next_page_token: Option<String>,
}

/// What a list of deliveries is cut down to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveryFilter {
    /// Where to go on: `nextPageToken` of the page before.
    page_token: Option<String>,
    /// 1 to 200; 50 if left out.
    page_size: Option<u32>,
    /// `pending`, `delivered` or `dead`.
    status: Option<String>,
}

/// The id of an endpoint or delivery in a path; what is none names nothing.
pub(super) fn id(text: &str) -> Result<Uuid, Error> {
    Uuid::try_parse(text).ok().filter(|_| text.len() == 36).ok_or_else(Error::not_found)
}

fn check_description(text: &str) -> Result<(), Error> {
    if text.chars().count() > 200 || text.chars().any(char::is_control) {
        return Err(Error::field("description", "give at most 200 characters, none of them a control character"));
    }
    Ok(())
}

pub(super) async fn list(caller: &Caller, granted: Granted) -> Result<Reply, Error> {
    let view = View::begin(caller.db(), &granted).await?;
    Reply::json(StatusCode::OK, &Webhooks { items: store::list(view.tx(), granted.tenant()).await? })
}

pub(super) async fn create(caller: &Caller, granted: Granted, body: Body<NewWebhook>) -> Result<Reply, Error> {
    let (request, tenant) = (body.value, granted.tenant());
    let url = address::check(&request.url, &address::reach(caller.webhooks()))?;
    check_description(&request.description)?;
    wanted::check(&request.event_types)?;
    let mut change = caller.change(granted, Some(&body.digest)).await?;
    if store::count_locked(change.tx(), tenant).await? >= WEBHOOKS_MAX {
        let detail = format!("there are {WEBHOOKS_MAX} webhooks already: delete one first");
        return Err(Error::new(Code::StateConflict, detail));
    }
    let now = Timestamp::now();
    let wanted = Webhook {
        id: Uuid::now_v7(),
        tenant_id: tenant,
        url,
        description: request.description,
        event_types: request.event_types,
        enabled: true,
        disabled_reason: None,
        failing_since: None,
        previous_secret_until: None,
        version: 1,
        created_at: now,
        updated_at: now,
        created_by: change.granted().actor().name(),
    };
    let made = store::insert(change.tx(), &wanted).await?;
    let entry = Entry::done("WEBHOOK_CREATED", Severity::High, tenant).to("webhook", made.id);
    change.audit(entry.with(json!({ "host": host(&made.url), "eventTypes": made.event_types }))).await?;
    let secret = EndpointSecret::of(caller.secret(), made.id, 1);
    let reply = Reply::json(StatusCode::CREATED, &made)?.version(made.version).with_secret("secret", &secret.text());
    change.commit(reply.at(place(tenant, made.id))).await
}

pub(super) async fn read(caller: &Caller, granted: Granted, id: Uuid) -> Result<Reply, Error> {
    let view = View::begin(caller.db(), &granted).await?;
    let found = store::read(view.tx(), granted.tenant(), id).await?;
    Ok(Reply::json(StatusCode::OK, &found)?.version(found.version))
}

pub(super) async fn update(
    caller: &Caller,
    granted: Granted,
    id: Uuid,
    body: Body<WebhookChange>,
) -> Result<Reply, Error> {
    let (request, tenant) = (body.value, granted.tenant());
    let mut change = caller.change(granted, None).await?;
    let mut wanted = store::lock(change.tx(), tenant, id).await?;
    caller.expects(wanted.version)?;
    if let Some(url) = request.url {
        wanted.url = address::check(&url, &address::reach(caller.webhooks()))?;
    }
    if let Some(description) = request.description {
        check_description(&description)?;
        wanted.description = description;
    }
    if let Some(types) = request.event_types {
        wanted::check(&types)?;
        wanted.event_types = types;
    }
    wanted.enabled = request.enabled.unwrap_or(wanted.enabled);
    let changed = store::update(change.tx(), &wanted).await?;
    queue::settle(change.tx(), id, None).await?;
    let entry = Entry::done("WEBHOOK_UPDATED", Severity::High, tenant).to("webhook", id);
    let what = json!({ "host": host(&changed.url), "eventTypes": changed.event_types, "enabled": changed.enabled });
    change.audit(entry.with(what)).await?;
    change.commit(Reply::json(StatusCode::OK, &changed)?.version(changed.version)).await
}

pub(super) async fn delete(caller: &Caller, granted: Granted, id: Uuid) -> Result<Reply, Error> {
    let tenant = granted.tenant();
    let mut change = caller.change(granted, None).await?;
    if !store::delete(change.tx(), tenant, id).await? {
        return Err(Error::not_found());
    }
    change.audit(Entry::done("WEBHOOK_DELETED", Severity::High, tenant).to("webhook", id)).await?;
    change.commit(Reply::empty(StatusCode::NO_CONTENT)).await
}

pub(super) async fn rotate(
    caller: &Caller,
    granted: Granted,
    id: Uuid,
    body: Body<SecretRotation>,
) -> Result<Reply, Error> {
    let tenant = granted.tenant();
    let overlap = body.value.overlap_seconds.unwrap_or(OVERLAP_S);
    if overlap > OVERLAP_S_MAX {
        return Err(Error::field("overlapSeconds", format!("give at most {OVERLAP_S_MAX}")));
    }
    let mut change = caller.change(granted, Some(&body.digest)).await?;
    store::lock(change.tx(), tenant, id).await?;
    let (number, changed) = store::rotate(change.tx(), id, f64::from(overlap)).await?;
    change.audit(Entry::done("WEBHOOK_SECRET_ROTATED", Severity::High, tenant).to("webhook", id)).await?;
    let secret = EndpointSecret::of(caller.secret(), id, number);
    let reply = Reply::json(StatusCode::OK, &changed)?.version(changed.version);
    change.commit(reply.with_secret("secret", &secret.text())).await
}

/// Sends an event that says nothing to this endpoint alone.
pub(super) async fn test(caller: &Caller, granted: Granted, id: Uuid, digest: &[u8; 32]) -> Result<Reply, Error> {
    let tenant = granted.tenant();
    let mut change = caller.change(granted, Some(digest)).await?;
    if !store::lock(change.tx(), tenant, id).await?.enabled {
        return Err(Error::new(Code::StateConflict, "the webhook is disabled: enable it first"));
    }
    let event = Event { kind: TEST, subject: Some(id.to_string()), tenant, data: json!({ "webhook": id }) };
    let event = change.emit_to_one(event).await?;
    store::add(change.tx(), id, tenant, event).await?;
    queue::settle(change.tx(), id, None).await?;
    change.audit(Entry::done("WEBHOOK_TESTED", Severity::Low, tenant).to("webhook", id)).await?;
    change.commit(Reply::json(StatusCode::ACCEPTED, &json!({ "eventId": event }))?).await
}

/// What a test answers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "for the document")]
pub(super) struct Tested {
    /// The event that is on its way.
    event_id: Uuid,
}

pub(super) async fn deliveries(
    caller: &Caller,
    granted: Granted,
    id: Uuid,
    filter: DeliveryFilter,
) -> Result<Reply, Error> {
    if filter.status.as_deref().is_some_and(|s| !["pending", "delivered", "dead"].contains(&s)) {
        return Err(Error::field("status", "give pending, delivered or dead"));
    }
    let limit = page::size(filter.page_size)?;
    let bound = format!("deliveries {} {id} {:?}", caller.actor().name(), filter.status);
    let before = filter.page_token.as_deref().map(|t| page::read(caller.secret(), &bound, t)).transpose()?;
    let before = before.map(|place| place.as_u64_pair().1.cast_signed());
    let view = View::begin(caller.db(), &granted).await?;
    store::read(view.tx(), granted.tenant(), id).await?;
    let mut found = store::deliveries(view.tx(), id, (before, filter.status.as_deref()), limit + 1).await?;
    let more = found.len() as i64 > limit;
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let last = found.last().filter(|_| more).map(|(place, _)| Uuid::from_u64_pair(0, place.cast_unsigned()));
    let next_page_token = last.map(|place| page::token(caller.secret(), &bound, place));
    let items = found.into_iter().map(|(_, delivery)| delivery).collect();
    Reply::json(StatusCode::OK, &Deliveries { items, next_page_token })
}

pub(super) async fn replay(
    caller: &Caller,
    granted: Granted,
    (id, delivery): (Uuid, Uuid),
    digest: &[u8; 32],
) -> Result<Reply, Error> {
    let tenant = granted.tenant();
    let mut change = caller.change(granted, Some(digest)).await?;
    store::lock(change.tx(), tenant, id).await?;
    let again = store::replay(change.tx(), id, delivery).await?;
    queue::settle(change.tx(), id, None).await?;
    let entry = Entry::done("WEBHOOK_REPLAYED", Severity::Medium, tenant).to("webhook", id);
    change.audit(entry.with(json!({ "eventId": again.event_id }))).await?;
    change.commit(Reply::json(StatusCode::ACCEPTED, &again)?).await
}

/// Where an endpoint is.
fn place(tenant: Option<TenantId>, id: Uuid) -> String {
    tenant.map_or_else(|| format!("/api/webhooks/{id}"), |t| format!("/api/tenants/{t}/webhooks/{id}"))
}

/// What the audit log is told of an address: the path may hold a secret of its receiver.
fn host(url: &str) -> String {
    url::Url::parse(url).ok().and_then(|u| u.host_str().map(str::to_owned)).unwrap_or_default()
}
