//! The fleet over HTTP: `/api/fleet`.

use axum::extract::Path;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{check_version, state_conflict, store};
use crate::access::Permission;
use crate::audit::{Entry, Severity};
use crate::change::View;
use crate::error::{Code, Error};
use crate::http::Api;
use crate::http::body::Body;
use crate::http::caller::Caller;
use crate::http::page::{self, Listed};
use crate::http::query::Asked;
use crate::http::reply::Reply;

/// Longest SQL of a migration.
const SQL_BYTES_MAX: usize = 200 * 1024;
/// Places migrated at once, at most; the table's constraint says the same.
const PARALLEL_MAX: i32 = 64;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(fleet))
        .routes(routes!(list, begin))
        .routes(routes!(show))
        .routes(routes!(resume))
        .routes(routes!(abandon))
}

/// A migration to begin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NewMigration {
    /// Its name: what places are of, once they are migrated.
    version: String,
    /// Run in each place in one transaction, with the place alone on the search path.
    sql: String,
    /// Places migrated at once; 4 if left out.
    #[serde(default = "four")]
    parallel: i32,
    /// Failures after which no other place is begun; 1 if left out.
    #[serde(default = "one")]
    stop_after: i32,
}

fn four() -> i32 {
    4
}

fn one() -> i32 {
    1
}

/// Nothing is to be said.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Empty {}

/// What the list is cut down to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Where to go on: `nextPageToken` of the page before.
    page_token: Option<String>,
    /// 1 to 200; 50 if left out.
    page_size: Option<u32>,
    /// Only tenants of this version; `none` for those that nobody said of.
    version: Option<String>,
}

/// Tenants with a schema or database of their own, and their versions.
#[utoipa::path(get, path = "", tag = "fleet", params(Filter),
    responses((status = 200, description = "A page in `items`, `nextPageToken` if there are more, and in `versions` how many are of which")))]
async fn fleet(caller: Caller, Asked(filter): Asked<Filter>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::DatabaseRead)?;
    let limit = page::size(filter.page_size)?;
    let bound = format!("fleet {} {:?}", caller.actor().name(), filter.version);
    let after = filter.page_token.as_deref().map(|t| page::read(caller.secret(), &bound, t)).transpose()?;
    let view = View::begin(caller.db(), &granted).await?;
    let mut items = store::fleet(view.tx(), after, filter.version.as_deref(), limit + 1).await?;
    let more = items.len() as i64 > limit;
    items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = items.last().filter(|_| more).map(|m| page::token(caller.secret(), &bound, m.tenant_id.0));
    let versions: Vec<_> = store::versions(view.tx())
        .await?
        .into_iter()
        .map(|(version, tenants)| json!({ "version": version, "tenants": tenants }))
        .collect();
    Reply::json(StatusCode::OK, &json!({ "items": items, "nextPageToken": next, "versions": versions }))
}

#[utoipa::path(get, path = "/migrations", tag = "fleet",
    responses((status = 200, description = "The latest 100 in `items`", body = Listed<store::Migration>)))]
async fn list(caller: Caller) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::DatabaseRead)?;
    let view = View::begin(caller.db(), &granted).await?;
    Reply::json(StatusCode::OK, &json!({ "items": store::migrations(view.tx(), None).await? }))
}

#[utoipa::path(post, path = "/migrations", tag = "fleet", request_body = NewMigration,
    responses((status = 201, description = "The migration, which has begun", body = store::Migration)))]
async fn begin(caller: Caller, body: Body<NewMigration>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::DatabaseManage)?;
    let request = body.value;
    check_version(&request.version)?;
    if request.sql.trim().is_empty() || request.sql.len() > SQL_BYTES_MAX || request.sql.contains('\0') {
        return Err(Error::field("sql", format!("give SQL of at most {SQL_BYTES_MAX} bytes")));
    }
    if !(1..=PARALLEL_MAX).contains(&request.parallel) {
        return Err(Error::field("parallel", format!("give 1 to {PARALLEL_MAX}")));
    }
    if request.stop_after < 1 {
        return Err(Error::field("stopAfter", "give 1 or more"));
    }
    let mut change = caller.change(granted, Some(&body.digest)).await?;
    let begun = store::add(change.tx(), &request.version, &request.sql, request.parallel, request.stop_after).await;
    begun.map_err(|e| match (e.code, e.constraint.as_deref()) {
        (Code::Duplicate, Some("fleet_migration_open")) => {
            Error::new(Code::StateConflict, "another migration is not at its end: let it go on, or abandon it")
        }
        (Code::Duplicate, _) => Error::new(Code::Duplicate, "there was a migration of this version: name another"),
        _ => e,
    })?;
    let entry = Entry::done("FLEET_MIGRATION_BEGUN", Severity::High, None).to("fleetMigration", &request.version);
    change.audit(entry.with(json!({ "parallel": request.parallel, "stopAfter": request.stop_after }))).await?;
    let shown = store::migrations(change.tx(), Some(&request.version)).await?;
    let place = format!("/api/fleet/migrations/{}", request.version);
    let reply = Reply::json(StatusCode::CREATED, &shown.first())?.at(place);
    let reply = change.commit(reply).await?;
    caller.shop().wake();
    Ok(reply)
}

#[utoipa::path(get, path = "/migrations/{version}", tag = "fleet", params(("version" = String, Path)),
    responses((status = 200, description = "The migration, and in `failures` the places that failed", body = store::Migration)))]
async fn show(caller: Caller, Path(version): Path<String>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::DatabaseRead)?;
    let view = View::begin(caller.db(), &granted).await?;
    let shown = store::migrations(view.tx(), Some(&version)).await?.pop().ok_or_else(Error::not_found)?;
    let mut body = serde_json::to_value(&shown).map_err(|e| Error::bug("write an answer").because(e))?;
    body["failures"] = json!(store::failures(view.tx(), &version).await?);
    Reply::json(StatusCode::OK, &body)
}

#[utoipa::path(post, path = "/migrations/{version}/resume", tag = "fleet", params(("version" = String, Path)),
    request_body = Empty,
    responses((status = 200, description = "The migration, which tries again where it failed", body = store::Migration)))]
async fn resume(caller: Caller, Path(version): Path<String>, body: Body<Empty>) -> Result<Reply, Error> {
    turn(&caller, &version, &body.digest, "running").await
}

#[utoipa::path(post, path = "/migrations/{version}/abandon", tag = "fleet", params(("version" = String, Path)),
    request_body = Empty,
    responses((status = 200, description = "The migration, which stays undone where it was not done", body = store::Migration)))]
async fn abandon(caller: Caller, Path(version): Path<String>, body: Body<Empty>) -> Result<Reply, Error> {
    turn(&caller, &version, &body.digest, "abandoned").await
}

async fn turn(caller: &Caller, version: &str, digest: &[u8; 32], state: &'static str) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::DatabaseManage)?;
    let mut change = caller.change(granted, Some(digest)).await?;
    let counts = store::lock(change.tx(), version).await?.ok_or_else(Error::not_found)?;
    let action = match (state, counts.state.as_str()) {
        ("running", "stopped") => {
            store::again(change.tx(), version).await?;
            "FLEET_MIGRATION_RESUMED"
        }
        ("abandoned", "running" | "stopped") => {
            store::give_up(change.tx(), version).await?;
            "FLEET_MIGRATION_ABANDONED"
        }
        ("running", other) => return Err(state_conflict(other, "stopped")),
        (_, other) => return Err(state_conflict(other, "running or stopped")),
    };
    store::set_state(change.tx(), version, state).await?;
    change.audit(Entry::done(action, Severity::High, None).to("fleetMigration", version)).await?;
    let shown = store::migrations(change.tx(), Some(version)).await?;
    let reply = change.commit(Reply::json(StatusCode::OK, &shown.first())?).await?;
    caller.shop().wake();
    Ok(reply)
}
