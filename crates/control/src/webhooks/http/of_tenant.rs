//! Of one tenant: `/api/tenants/{id}/webhooks`.

use axum::extract::Path;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    Deliveries, Delivery, DeliveryFilter, NewWebhook, SecretRotation, Tested, Webhook, WebhookChange,
    WebhookWithSecret, Webhooks, id,
};
use crate::access::Permission;
use crate::error::Error;
use crate::http::Api;
use crate::http::body::{Body, Nothing};
use crate::http::caller::Caller;
use crate::http::query::Asked;
use crate::http::reply::Reply;
use crate::ids::TenantId;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, update, delete))
        .routes(routes!(rotate))
        .routes(routes!(test))
        .routes(routes!(deliveries))
        .routes(routes!(replay))
}

#[utoipa::path(get, path = "/{id}/webhooks", tag = "webhooks", operation_id = "list_tenant_webhook", params(("id" = TenantId, Path)),
    responses((status = 200, description = "All of them", body = Webhooks)))]
async fn list(caller: Caller, Path(tenant): Path<String>) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::WebhookRead, caller.tenant_of(&tenant)?).await?;
    super::list(&caller, granted).await
}

#[utoipa::path(post, path = "/{id}/webhooks", tag = "webhooks", operation_id = "create_tenant_webhook", params(("id" = TenantId, Path)), request_body = NewWebhook,
    responses((status = 201, description = "The webhook, and its secret this once", body = WebhookWithSecret)))]
async fn create(caller: Caller, Path(tenant): Path<String>, body: Body<NewWebhook>) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::WebhookManage, caller.tenant_of(&tenant)?).await?;
    super::create(&caller, granted, body).await
}

#[utoipa::path(get, path = "/{id}/webhooks/{webhook}", tag = "webhooks", operation_id = "read_tenant_webhook", params(("id" = TenantId, Path), ("webhook" = uuid::Uuid, Path)),
    responses((status = 200, description = "The webhook", body = Webhook)))]
async fn read(caller: Caller, Path((tenant, webhook)): Path<(String, String)>) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::WebhookRead, caller.tenant_of(&tenant)?).await?;
    super::read(&caller, granted, id(&webhook)?).await
}

#[utoipa::path(patch, path = "/{id}/webhooks/{webhook}", tag = "webhooks", operation_id = "update_tenant_webhook", params(("id" = TenantId, Path), ("webhook" = uuid::Uuid, Path)), request_body = WebhookChange,
    responses((status = 200, description = "The webhook as it is now; needs If-Match", body = Webhook)))]
async fn update(
    caller: Caller,
    Path((tenant, webhook)): Path<(String, String)>,
    body: Body<WebhookChange>,
) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::WebhookManage, caller.tenant_of(&tenant)?).await?;
    super::update(&caller, granted, id(&webhook)?, body).await
}

#[utoipa::path(delete, path = "/{id}/webhooks/{webhook}", tag = "webhooks", operation_id = "delete_tenant_webhook", params(("id" = TenantId, Path), ("webhook" = uuid::Uuid, Path)),
    responses((status = 204, description = "It is gone, with what waited for it")))]
async fn delete(caller: Caller, Path((tenant, webhook)): Path<(String, String)>) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::WebhookManage, caller.tenant_of(&tenant)?).await?;
    super::delete(&caller, granted, id(&webhook)?).await
}

#[utoipa::path(post, path = "/{id}/webhooks/{webhook}/rotate", tag = "webhooks", operation_id = "rotate_tenant_webhook", params(("id" = TenantId, Path), ("webhook" = uuid::Uuid, Path)), request_body = SecretRotation,
    responses((status = 200, description = "The webhook, and its next secret this once", body = WebhookWithSecret)))]
async fn rotate(
    caller: Caller,
    Path((tenant, webhook)): Path<(String, String)>,
    body: Body<SecretRotation>,
) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::WebhookManage, caller.tenant_of(&tenant)?).await?;
    super::rotate(&caller, granted, id(&webhook)?, body).await
}

#[utoipa::path(post, path = "/{id}/webhooks/{webhook}/test", tag = "webhooks", operation_id = "test_tenant_webhook", params(("id" = TenantId, Path), ("webhook" = uuid::Uuid, Path)), request_body = Nothing,
    responses((status = 202, description = "An event for this webhook is on its way", body = Tested)))]
async fn test(
    caller: Caller,
    Path((tenant, webhook)): Path<(String, String)>,
    body: Body<Nothing>,
) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::WebhookManage, caller.tenant_of(&tenant)?).await?;
    super::test(&caller, granted, id(&webhook)?, &body.digest).await
}

#[utoipa::path(get, path = "/{id}/webhooks/{webhook}/deliveries", tag = "webhooks", operation_id = "deliveries_tenant_webhook", params(("id" = TenantId, Path), ("webhook" = uuid::Uuid, Path), DeliveryFilter),
    responses((status = 200, description = "A page, newest first", body = Deliveries)))]
async fn deliveries(
    caller: Caller,
    Path((tenant, webhook)): Path<(String, String)>,
    Asked(filter): Asked<DeliveryFilter>,
) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::WebhookRead, caller.tenant_of(&tenant)?).await?;
    super::deliveries(&caller, granted, id(&webhook)?, filter).await
}

#[utoipa::path(post, path = "/{id}/webhooks/{webhook}/deliveries/{delivery}/replay", tag = "webhooks", operation_id = "replay_tenant_webhook", params(("id" = TenantId, Path), ("webhook" = uuid::Uuid, Path), ("delivery" = uuid::Uuid, Path)), request_body = Nothing,
    responses((status = 202, description = "It is sent again, under the same id", body = Delivery)))]
async fn replay(
    caller: Caller,
    Path((tenant, webhook, delivery)): Path<(String, String, String)>,
    body: Body<Nothing>,
) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::WebhookManage, caller.tenant_of(&tenant)?).await?;
    super::replay(&caller, granted, (id(&webhook)?, id(&delivery)?), &body.digest).await
}
