//! A tenant's place over HTTP: where it is, how far the work on it is, another try, and its login.

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Placement, password, provision, store};
use crate::access::Permission;
use crate::audit::{Entry, Severity};
use crate::change::View;
use crate::databases::Strategy;
use crate::error::{Code, Error};
use crate::http::Api;
use crate::http::body::Body;
use crate::http::caller::{Caller, Id};
use crate::http::reply::Reply;
use crate::ids::TenantId;
use crate::tenants::{self, Tenant};
use crate::work::{Kind, store as work};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(read)).routes(routes!(retry)).routes(routes!(login))
}

/// Nothing is to be said.
#[derive(Debug, Default, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Empty {}

/// Where a tenant lives.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Shown {
    strategy: Strategy,
    /// Name of the registered database; none for a shared tenant that no database was chosen for.
    database: Option<String>,
    /// Its schema.
    schema: Option<String>,
    /// Its database.
    database_name: Option<String>,
    /// Its login.
    role: Option<String>,
    /// The version of the application's schema.
    application_version: Option<String>,
}

/// A tenant's own login.
#[derive(Debug, Serialize, ToSchema)]
struct Login {
    host: String,
    port: u16,
    database: String,
    /// First on the login's search path; none in a database of its own.
    schema: Option<String>,
    user: String,
}

#[utoipa::path(get, path = "/{id}/placement", tag = "placing", params(("id" = TenantId, Path)),
    responses((status = 200, description = "Where the tenant lives, and in `work` how far the work on it is", body = Shown)))]
async fn read(caller: Caller, Id(id): Id) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::DatabaseRead, id).await?.widened();
    let view = View::begin(caller.db(), &granted).await?;
    let placement = store::read(view.tx(), id).await?;
    let progress = work::of_tenant(view.tx(), id).await?;
    let shown = placement.map_or(
        Shown {
            strategy: Strategy::Shared,
            database: None,
            schema: None,
            database_name: None,
            role: None,
            application_version: None,
        },
        |p| Shown {
            strategy: p.strategy,
            database: Some(p.database),
            schema: p.schema,
            database_name: p.own_database,
            role: p.role,
            application_version: p.version,
        },
    );
    let mut body = serde_json::to_value(&shown).map_err(|e| Error::bug("write an answer").because(e))?;
    body["work"] = json!(progress);
    Reply::json(StatusCode::OK, &body)
}

#[utoipa::path(post, path = "/{id}/retry", tag = "placing", params(("id" = TenantId, Path)), request_body = Empty,
    responses((status = 200, description = "The tenant, which is being made again", body = Tenant)))]
async fn retry(caller: Caller, Id(id): Id, body: Body<Empty>) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::DatabaseManage, id).await?;
    let mut change = caller.change(granted.widened(), Some(&body.digest)).await?;
    let tenant = tenants::store::lock(&change, id).await?;
    if tenant.status != "failed" {
        let detail = format!("the tenant is {}: only one that could not be made is tried again", tenant.status);
        return Err(Error::new(Code::StateConflict, detail));
    }
    let placement =
        store::read(change.tx(), id).await?.ok_or_else(|| Error::bug("find where the tenant shall live"))?;
    let new = work::New {
        kind: Kind::Provision,
        tenant: Some(id),
        subject: None,
        database: Some(placement.database_id),
        version: None,
        step: if placement.strategy == Strategy::Schema { provision::BUILD } else { provision::COPY },
        data: json!({}),
    };
    work::add(change.tx(), &new).await?;
    let tenant = tenants::settle(&change, tenant, "provisioning", None).await?;
    let entry = Entry::done("TENANT_PROVISIONING_RETRIED", Severity::Medium, Some(id)).to("tenant", id);
    change.audit(entry.with(json!({ "database": placement.database }))).await?;
    let reply = change.commit(Reply::json(StatusCode::OK, &tenant)?.version(tenant.version)).await?;
    caller.shop().wake();
    Ok(reply)
}

/// The login of the tenant's own schema or database: for the application that works there.
#[utoipa::path(post, path = "/{id}/login", tag = "placing", params(("id" = TenantId, Path)), request_body = Empty,
    responses((status = 200, description = "The login, with its password in `password`", body = Login)))]
async fn login(caller: Caller, Id(id): Id, body: Body<Empty>) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::DatabaseManage, id).await?;
    let mut change = caller.change(granted.widened(), Some(&body.digest)).await?;
    let tenant = tenants::store::lock(&change, id).await?;
    let placement = store::read(change.tx(), id).await?;
    let Some(Placement { database, schema, own_database, role: Some(role), .. }) = placement else {
        return Err(Error::new(Code::StateConflict, "a shared tenant has no login of its own"));
    };
    if !["active", "suspended"].contains(&tenant.status.as_str()) {
        return Err(Error::new(Code::StateConflict, format!("the tenant is {}: it has no login now", tenant.status)));
    }
    let target = &caller.shop().application(&database)?.target;
    let login = Login {
        host: target.host(),
        port: target.port(),
        database: own_database.unwrap_or_else(|| target.database().to_owned()),
        schema,
        user: role.clone(),
    };
    let entry = Entry::done("TENANT_LOGIN_SHOWN", Severity::High, Some(id)).to("databaseRole", &role);
    change.audit(entry).await?;
    let password = password(caller.secret(), &role);
    change.commit(Reply::json(StatusCode::OK, &login)?.with_secret("password", &password)).await
}
