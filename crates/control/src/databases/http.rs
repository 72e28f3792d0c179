//! Registered databases over HTTP: `/api/databases`. Answers say where a database is, never with what password.

use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{Database, Strategy, check, check_template, store};
use crate::access::Permission;
use crate::audit::{Entry, Severity};
use crate::change::View;
use crate::error::{Code, Error};
use crate::http::Api;
use crate::http::body::Body;
use crate::http::body::given;
use crate::http::caller::Caller;
use crate::http::page::Listed;
use crate::http::reply::Reply;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(read, update, remove))
}

/// A database to register.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NewDatabase {
    /// As in `[control.databases.NAME]`.
    name: String,
    /// What it takes: `shared`, `schema`, `database`.
    strategies: Vec<Strategy>,
    /// Most tenants; no bound if left out.
    #[serde(default)]
    capacity: Option<i32>,
    #[serde(default)]
    drained: bool,
    /// The schema that tenants of strategy `schema` get a copy of.
    #[serde(default)]
    template_schema: Option<String>,
    /// The database that tenants of strategy `database` get a copy of.
    #[serde(default)]
    template_database: Option<String>,
    /// Databases to be made ahead; none if left out.
    #[serde(default)]
    warm: i32,
}

/// What shall change; what is left out stays, null empties.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct DatabaseChange {
    strategies: Option<Vec<Strategy>>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<i32>)]
    capacity: Option<Option<i32>>,
    drained: Option<bool>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    template_schema: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    template_database: Option<Option<String>>,
    warm: Option<i32>,
}

/// `{database}` of a path.
struct DatabaseId(Uuid);

impl FromRequestParts<Api> for DatabaseId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Error> {
        let Path(text) = Path::<String>::from_request_parts(parts, api).await.map_err(|_| Error::not_found())?;
        Uuid::try_parse(&text).map(Self).map_err(|_| Error::field("id", "give the database's id, a UUID"))
    }
}

#[utoipa::path(get, path = "", tag = "databases",
    responses((status = 200, description = "The databases in `items`, by name", body = Listed<Database>)))]
async fn list(caller: Caller) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::DatabaseRead)?;
    let view = View::begin(caller.db(), &granted).await?;
    let items: Vec<_> = store::list(view.tx()).await?.into_iter().map(|d| d.known_to(caller.shop())).collect();
    Reply::json(StatusCode::OK, &json!({ "items": items }))
}

#[utoipa::path(post, path = "", tag = "databases", request_body = NewDatabase,
    responses((status = 201, description = "The database", body = Database)))]
async fn create(caller: Caller, body: Body<NewDatabase>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::DatabaseManage)?;
    let request = body.value;
    let database = Database {
        id: Uuid::now_v7(),
        name: request.name,
        strategies: distinct(request.strategies),
        capacity: request.capacity,
        drained: request.drained,
        template_schema: request.template_schema,
        template_database: request.template_database,
        warm: request.warm,
        tenants: 0,
        warm_ready: 0,
        connection: None,
        version: 1,
        created_at: Timestamp::now(),
        updated_at: Timestamp::now(),
    };
    check(&database)?;
    caller.shop().application(&database.name).map_err(|_| {
        let what = format!("the configuration has no [control.databases.{}]: add it and start again", database.name);
        Error::field("name", what)
    })?;
    check_template(&database, caller.shop())?;
    let mut change = caller.change(granted, Some(&body.digest)).await?;
    let database = store::insert(change.tx(), &database).await?.known_to(caller.shop());
    let entry = Entry::done("DATABASE_REGISTERED", Severity::High, None).to("database", database.id);
    change.audit(entry.with(json!({ "name": database.name, "strategies": database.strategies }))).await?;
    let reply = Reply::json(StatusCode::CREATED, &database)?.version(database.version);
    let reply = change.commit(reply.at(format!("/api/databases/{}", database.id))).await?;
    caller.shop().wake();
    Ok(reply)
}

#[utoipa::path(get, path = "/{database}", tag = "databases", params(("database" = Uuid, Path)),
    responses((status = 200, description = "The database", body = Database)))]
async fn read(caller: Caller, DatabaseId(id): DatabaseId) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::DatabaseRead)?;
    let view = View::begin(caller.db(), &granted).await?;
    let database = store::read(view.tx(), id).await?.ok_or_else(Error::not_found)?.known_to(caller.shop());
    Ok(Reply::json(StatusCode::OK, &database)?.version(database.version))
}

#[utoipa::path(patch, path = "/{database}", tag = "databases", params(("database" = Uuid, Path)), request_body = DatabaseChange,
    responses((status = 200, description = "The database as it is now", body = Database)))]
async fn update(caller: Caller, DatabaseId(id): DatabaseId, body: Body<DatabaseChange>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::DatabaseManage)?;
    let mut change = caller.change(granted, None).await?;
    let mut database = store::lock(change.tx(), id).await?.ok_or_else(Error::not_found)?;
    caller.expects(database.version)?;
    let request = body.value;
    database.strategies = request.strategies.map_or(database.strategies, distinct);
    database.capacity = request.capacity.unwrap_or(database.capacity);
    database.drained = request.drained.unwrap_or(database.drained);
    database.template_schema = request.template_schema.unwrap_or(database.template_schema);
    database.template_database = request.template_database.unwrap_or(database.template_database);
    database.warm = request.warm.unwrap_or(database.warm);
    check(&database)?;
    check_template(&database, caller.shop())?;
    if store::uses_another(change.tx(), &database).await? {
        let detail = "tenants of a strategy that is left out live there: drain the database instead";
        return Err(Error::new(Code::StateConflict, detail));
    }
    let database = store::update(change.tx(), &database).await?.known_to(caller.shop());
    let entry = Entry::done("DATABASE_CHANGED", Severity::High, None).to("database", id);
    change.audit(entry.with(json!({ "name": database.name, "drained": database.drained }))).await?;
    let reply = change.commit(Reply::json(StatusCode::OK, &database)?.version(database.version)).await?;
    caller.shop().wake();
    Ok(reply)
}

#[utoipa::path(delete, path = "/{database}", tag = "databases", params(("database" = Uuid, Path)),
    responses((status = 204, description = "It is registered no more; the database itself is left alone")))]
async fn remove(caller: Caller, DatabaseId(id): DatabaseId) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::DatabaseManage)?;
    let mut change = caller.change(granted, None).await?;
    let database = store::lock(change.tx(), id).await?.ok_or_else(Error::not_found)?;
    caller.expects(database.version)?;
    if store::holds_something(change.tx(), id).await? {
        let detail =
            "tenants live there, or databases are made ahead: drain it, set `warm` to 0, and move or erase them";
        return Err(Error::new(Code::StateConflict, detail));
    }
    store::delete(change.tx(), id).await?;
    let entry = Entry::done("DATABASE_REMOVED", Severity::High, None).to("database", id);
    change.audit(entry.with(json!({ "name": database.name }))).await?;
    change.commit(Reply::empty(StatusCode::NO_CONTENT)).await
}

fn distinct(strategies: Vec<Strategy>) -> Vec<Strategy> {
    Strategy::ALL.into_iter().filter(|s| strategies.contains(s)).collect()
}
