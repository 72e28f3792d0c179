//! What was erased of a tenant, over HTTP: `/api/tenants/{id}/erasure`.

use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::store;
use crate::access::Permission;
use crate::change::View;
use crate::error::Error;
use crate::http::Api;
use crate::http::caller::{Caller, Id};
use crate::http::reply::Reply;
use crate::ids::TenantId;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(read))
}

#[utoipa::path(get, path = "/{id}/erasure", tag = "erasing", params(("id" = TenantId, Path)),
    responses((status = 200, description = "Rows by table, before and after", body = store::Record)))]
async fn read(caller: Caller, Id(id): Id) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::TenantDelete, id).await?;
    let view = View::begin(caller.db(), &granted).await?;
    let record = store::read(view.tx(), id).await?.ok_or_else(Error::not_found)?;
    Reply::json(StatusCode::OK, &record)
}
