//! Of the platform: `/api/webhooks`.

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

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, update, delete))
        .routes(routes!(rotate))
        .routes(routes!(test))
        .routes(routes!(deliveries))
        .routes(routes!(replay))
}

#[utoipa::path(get, path = "/api/webhooks", tag = "webhooks", operation_id = "list_platform_webhook",
    responses((status = 200, description = "All of them", body = Webhooks)))]
async fn list(caller: Caller) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::WebhookRead)?;
    super::list(&caller, granted).await
}

#[utoipa::path(post, path = "/api/webhooks", tag = "webhooks", operation_id = "create_platform_webhook", request_body = NewWebhook,
    responses((status = 201, description = "The webhook, and its secret this once", body = WebhookWithSecret)))]
async fn create(caller: Caller, body: Body<NewWebhook>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::WebhookManage)?;
    super::create(&caller, granted, body).await
}

#[utoipa::path(get, path = "/api/webhooks/{webhook}", tag = "webhooks", operation_id = "read_platform_webhook", params(("webhook" = uuid::Uuid, Path)),
    responses((status = 200, description = "The webhook", body = Webhook)))]
async fn read(caller: Caller, Path(webhook): Path<String>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::WebhookRead)?;
    super::read(&caller, granted, id(&webhook)?).await
}

#[utoipa::path(patch, path = "/api/webhooks/{webhook}", tag = "webhooks", operation_id = "update_platform_webhook", params(("webhook" = uuid::Uuid, Path)), request_body = WebhookChange,
    responses((status = 200, description = "The webhook as it is now; needs If-Match", body = Webhook)))]
async fn update(caller: Caller, Path(webhook): Path<String>, body: Body<WebhookChange>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::WebhookManage)?;
    super::update(&caller, granted, id(&webhook)?, body).await
}

#[utoipa::path(delete, path = "/api/webhooks/{webhook}", tag = "webhooks", operation_id = "delete_platform_webhook", params(("webhook" = uuid::Uuid, Path)),
    responses((status = 204, description = "It is gone, with what waited for it")))]
async fn delete(caller: Caller, Path(webhook): Path<String>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::WebhookManage)?;
    super::delete(&caller, granted, id(&webhook)?).await
}

#[utoipa::path(post, path = "/api/webhooks/{webhook}/rotate", tag = "webhooks", operation_id = "rotate_platform_webhook", params(("webhook" = uuid::Uuid, Path)), request_body = SecretRotation,
    responses((status = 200, description = "The webhook, and its next secret this once", body = WebhookWithSecret)))]
async fn rotate(caller: Caller, Path(webhook): Path<String>, body: Body<SecretRotation>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::WebhookManage)?;
    super::rotate(&caller, granted, id(&webhook)?, body).await
}

#[utoipa::path(post, path = "/api/webhooks/{webhook}/test", tag = "webhooks", operation_id = "test_platform_webhook", params(("webhook" = uuid::Uuid, Path)), request_body = Nothing,
    responses((status = 202, description = "An event for this webhook is on its way", body = Tested)))]
async fn test(caller: Caller, Path(webhook): Path<String>, body: Body<Nothing>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::WebhookManage)?;
    super::test(&caller, granted, id(&webhook)?, &body.digest).await
}

#[utoipa::path(get, path = "/api/webhooks/{webhook}/deliveries", tag = "webhooks", operation_id = "deliveries_platform_webhook", params(("webhook" = uuid::Uuid, Path), DeliveryFilter),
    responses((status = 200, description = "A page, newest first", body = Deliveries)))]
async fn deliveries(
    caller: Caller,
    Path(webhook): Path<String>,
    Asked(filter): Asked<DeliveryFilter>,
) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::WebhookRead)?;
    super::deliveries(&caller, granted, id(&webhook)?, filter).await
}

#[utoipa::path(post, path = "/api/webhooks/{webhook}/deliveries/{delivery}/replay", tag = "webhooks", operation_id = "replay_platform_webhook", params(("webhook" = uuid::Uuid, Path), ("delivery" = uuid::Uuid, Path)), request_body = Nothing,
    responses((status = 202, description = "It is sent again, under the same id", body = Delivery)))]
async fn replay(
    caller: Caller,
    Path((webhook, delivery)): Path<(String, String)>,
    body: Body<Nothing>,
) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::WebhookManage)?;
    super::replay(&caller, granted, (id(&webhook)?, id(&delivery)?), &body.digest).await
}
