//! Usage over HTTP: `/api/tenants/{id}/usage` and `…/metrics`, and the reports of gateways and proxies.

use axum::http::StatusCode;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Unit};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::counts::Counts;
use super::document::{
    Known, MetricsDocument, Point, ResourceUsed, Storage, Unknown, UsageDocument, Used, unknown_counts,
};
use super::report::{Report, take};
use super::store;
use crate::access::Permission;
use crate::change::View;
use crate::error::Error;
use crate::http::Api;
use crate::http::body::Body;
use crate::http::caller::{Caller, Id};
use crate::http::query::Asked;
use crate::http::reply::Reply;
use crate::ids::TenantId;

/// Longest time that is shown by the hour.
const HOURS_MAX: SignedDuration = SignedDuration::from_hours(24 * 35);
/// Longest time that is shown by the day.
const DAYS_MAX: SignedDuration = SignedDuration::from_hours(24 * 800);
/// The time that is shown unless the request says otherwise.
const SHOWN: SignedDuration = SignedDuration::from_hours(24 * 30);
const DAY: SignedDuration = SignedDuration::from_hours(24);

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(usage)).routes(routes!(metrics))
}

/// What gateways and proxies call.
pub(crate) fn platform_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(report))
}

/// Which time.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
struct Time {
    /// From this moment on, as RFC 3339; 30 days ago if left out.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Before this moment, as RFC 3339; now if left out.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// `hour` (35 days at most) or `day` (800 days at most); `day` if left out.
    granularity: Option<String>,
}

#[utoipa::path(get, path = "/{id}/usage", tag = "usage", params(("id" = TenantId, Path), Time),
    responses((status = 200, description = "What the tenant used", body = UsageDocument)))]
async fn usage(caller: Caller, Id(tenant): Id, Asked(time): Asked<Time>) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::UsageRead, tenant).await?;
    let by_hour = match time.granularity.as_deref() {
        Some("hour") => true,
        None | Some("day") => false,
        Some(_) => return Err(Error::field("granularity", "give hour or day")),
    };
    let to = time.to.unwrap_or_else(Timestamp::now);
    let from = time.from.unwrap_or_else(|| to.checked_sub(SHOWN).unwrap_or(Timestamp::MIN));
    let longest = if by_hour { HOURS_MAX } else { DAYS_MAX };
    if from > to || to.duration_since(from) > longest {
        let days = longest.as_hours() / 24;
        return Err(Error::field("from", format!("give a time before `to`, and at most {days} days")));
    }
    let begin = begin_of(from, if by_hour { Unit::Hour } else { Unit::Day });
    let view = View::begin(caller.db(), &granted).await?;
    let (gateway, proxy) = store::sources(view.tx(), from).await?;
    let series = store::series(view.tx(), tenant, (begin, to), by_hour).await?;
    let mut totals = Counts::default();
    series.iter().for_each(|(_, counts)| totals.add(counts));
    // a time in which something was counted was counted by somebody, however long ago
    let known = Known {
        gateway: gateway || totals.requests > 0 || totals.cache_hits > 0,
        proxy: proxy || totals.statements > 0,
    };
    let points = series.iter().map(|(at, counts)| Point { at: *at, used: Used::of(counts, known) }).collect();
    let storage_by_day = store::sizes(view.tx(), tenant, (begin_of(from, Unit::Day), to)).await?;
    let (storage, resources, messages, mut unknown) = stored(&view, tenant).await?;
    unknown.extend(unknown_counts(known, "totals."));
    let document = UsageDocument {
        tenant_id: tenant,
        from,
        to,
        granularity: if by_hour { "hour" } else { "day" }.to_owned(),
        totals: Used::of(&totals, known),
        points,
        storage,
        storage_by_day,
        resources,
        messages,
        unknown,
    };
    Reply::json(StatusCode::OK, &document)
}

#[utoipa::path(get, path = "/{id}/metrics", tag = "usage", params(("id" = TenantId, Path)),
    responses((status = 200, description = "How the tenant fared in the last 24 hours", body = MetricsDocument)))]
async fn metrics(caller: Caller, Id(tenant): Id) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::UsageRead, tenant).await?;
    let to = Timestamp::now();
    let from = begin_of(to.checked_sub(DAY).unwrap_or(Timestamp::MIN), Unit::Hour);
    let view = View::begin(caller.db(), &granted).await?;
    let (gateway, proxy) = store::sources(view.tx(), from).await?;
    let known = Known { gateway, proxy };
    let series = store::series(view.tx(), tenant, (from, to), true).await?;
    let mut counts = Counts::default();
    series.iter().for_each(|(_, c)| counts.add(c));
    let (storage, resources, messages, mut unknown) = stored(&view, tenant).await?;
    unknown.extend(unknown_counts(known, "used."));
    let mut null = |field: &str, why: &str| unknown.push(Unknown { field: field.to_owned(), why: why.to_owned() });
    let seconds = to.duration_since(from).as_secs_f64().max(1.0);
    let asked = counts.cache_hits + counts.cache_misses;
    let requests_per_second = gateway.then(|| counts.requests as f64 / seconds);
    let of_statements = |what: f64| (proxy && counts.statements > 0).then(|| what / counts.statements as f64);
    let milliseconds_per_statement = of_statements(counts.server_micros as f64 / 1e3);
    let error_rate = of_statements(counts.errors as f64);
    let cache_hit_rate = (gateway && asked > 0).then(|| counts.cache_hits as f64 / asked as f64);
    if requests_per_second.is_none() {
        null("requestsPerSecond", "no gateway reported in this time");
    }
    if error_rate.is_none() {
        let why = if proxy { "there was no statement in this time" } else { "no proxy reported in this time" };
        null("millisecondsPerStatement", why);
        null("errorRate", why);
    }
    if cache_hit_rate.is_none() {
        null(
            "cacheHitRate",
            if gateway { "the cache was not asked in this time" } else { "no gateway reported in this time" },
        );
    }
    let last_active_at = series.iter().rev().find(|(_, c)| !c.is_empty()).map(|(at, _)| *at);
    if last_active_at.is_none() {
        null("lastActiveAt", "nothing was used in this time");
    }
    let (storage_bytes, rows) = (storage.bytes, storage.rows);
    for unknown in unknown.iter_mut().filter(|u| u.field.starts_with("storage.")) {
        unknown.field = if unknown.field == "storage.bytes" { "storageBytes" } else { "rows" }.to_owned();
    }
    let document = MetricsDocument {
        tenant_id: tenant,
        from,
        to,
        used: Used::of(&counts, known),
        requests_per_second,
        milliseconds_per_statement,
        error_rate,
        cache_hit_rate,
        last_active_at,
        storage_bytes,
        rows,
        messages,
        resources,
        unknown,
    };
    Reply::json(StatusCode::OK, &document)
}

/// What lies in the application's database, and what is not known of it.
async fn stored(
    view: &View,
    tenant: TenantId,
) -> Result<(Storage, Vec<ResourceUsed>, Option<i64>, Vec<Unknown>), Error> {
    let sampled_at = store::sampled(view.tx()).await?;
    let tables = store::tables(view.tx(), tenant).await?;
    let resources = store::resources(view.tx(), tenant).await?;
    let messages = resources.iter().find(|r| r.resource.to_lowercase().starts_with("messages")).map(|r| r.used);
    let mut unknown = Vec::new();
    let mut null = |field: &str, why: &str| unknown.push(Unknown { field: field.to_owned(), why: why.to_owned() });
    if sampled_at.is_none() {
        let why = "the application's database was not looked at yet: name it in [control.usage]";
        null("storage.bytes", why);
        null("storage.rows", why);
    }
    if messages.is_none() {
        null("messages", "no quota in the application's database counts a resource `messages…` of this tenant");
    }
    let storage = Storage {
        bytes: sampled_at.map(|_| tables.iter().map(|t| t.bytes).sum()),
        rows: sampled_at.map(|_| tables.iter().map(|t| t.rows).sum()),
        is_estimate: tables.iter().any(|t| t.is_estimate),
        sampled_at,
        tables,
    };
    Ok((storage, resources, messages, unknown))
}

/// The beginning of an hour or a day, in UTC.
fn begin_of(at: Timestamp, unit: Unit) -> Timestamp {
    let zoned = at.to_zoned(TimeZone::UTC);
    let round = jiff::ZonedRound::new().smallest(unit).mode(jiff::RoundMode::Trunc);
    zoned.round(round).map_or(at, |zoned| zoned.timestamp())
}

/// What became of a report.
#[derive(Debug, Serialize, ToSchema)]
struct Taken {
    /// False if a report of this id was taken before: then nothing was added.
    taken: bool,
}

#[utoipa::path(post, path = "/api/usage/reports", tag = "usage", request_body = Report,
    responses((status = 200, description = "What became of it", body = Taken)))]
async fn report(caller: Caller, body: Body<Report>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::UsageReport)?;
    let taken = take(caller.db(), &granted.actor().name(), &body.value).await?;
    Reply::json(StatusCode::OK, &Taken { taken })
}
