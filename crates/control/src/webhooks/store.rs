//! The SQL of endpoints, and of the list of what was sent to them.

use tenantry_pg::tokio_postgres::Row;
use uuid::Uuid;

use super::http::{Delivery, Webhook};
use crate::db::{Tx, statements};
use crate::error::Error;
use crate::ids::TenantId;

/// The columns of an endpoint, in the order of `webhook()`.
macro_rules! columns {
    () => {
        "id, tenant_id, url, description, event_types, enabled, disabled_reason, failing_since, \
         CASE WHEN previous_until > now() THEN previous_until END, version, created_at, updated_at, created_by"
    };
}

statements! {
    COUNT: "count the webhooks" =
        "SELECT count(*) FROM tenantry_control.webhook WHERE tenant_id IS NOT DISTINCT FROM $1";
    ALONE: "wait for others who make webhooks" =
        "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('tenantry_control webhooks ' || $1::text))";
    INSERT: "make the webhook" = concat!(
        "INSERT INTO tenantry_control.webhook (id, tenant_id, url, description, event_types, enabled, created_by)
         VALUES ($1, $2, $3, $4, $5, true, $6) RETURNING ", columns!());
    LIST: "list the webhooks" = concat!(
        "SELECT ", columns!(), " FROM tenantry_control.webhook
         WHERE tenant_id IS NOT DISTINCT FROM $1 ORDER BY id");
    READ: "read the webhook" = concat!(
        "SELECT ", columns!(), " FROM tenantry_control.webhook WHERE tenant_id IS NOT DISTINCT FROM $1 AND id = $2");
    LOCK: "read the webhook to change it" = concat!(
        "SELECT ", columns!(), " FROM tenantry_control.webhook
         WHERE tenant_id IS NOT DISTINCT FROM $1 AND id = $2 FOR UPDATE");
    UPDATE: "change the webhook" = concat!(
        "UPDATE tenantry_control.webhook
         SET url = $2, description = $3, event_types = $4, enabled = $5,
             disabled_reason = CASE WHEN $5 THEN NULL ELSE disabled_reason END,
             failing_since = CASE WHEN $5 AND NOT enabled THEN NULL ELSE failing_since END,
             version = version + 1, updated_at = now()
         WHERE id = $1 RETURNING ", columns!());
    DELETE: "delete the webhook" =
        "DELETE FROM tenantry_control.webhook WHERE tenant_id IS NOT DISTINCT FROM $1 AND id = $2";
    ROTATE: "rotate the webhook's secret" = concat!(
        "UPDATE tenantry_control.webhook
         SET secret_number = secret_number + 1, previous_until = now() + make_interval(secs => $2),
             version = version + 1, updated_at = now()
         WHERE id = $1 RETURNING secret_number, ", columns!());
    DISABLE: "disable the webhook" =
        "UPDATE tenantry_control.webhook
         SET enabled = false, disabled_reason = $2, version = version + 1, updated_at = now()
         WHERE id = $1 AND enabled";
    DELIVERIES: "list the deliveries" =
        "SELECT sequence, id, event_id, event_type, status, attempts, next_at, last_at, last_status, last_error,
                delivered_at, created_at
         FROM tenantry_control.webhook_delivery
         WHERE webhook_id = $1 AND ($2::bigint IS NULL OR sequence < $2) AND ($3::text IS NULL OR status = $3)
         ORDER BY sequence DESC LIMIT $4";
    REPLAY: "send the delivery again" =
        "UPDATE tenantry_control.webhook_delivery
         SET status = 'pending', attempts = 0, next_at = now(), delivered_at = NULL
         WHERE webhook_id = $1 AND id = $2
         RETURNING sequence, id, event_id, event_type, status, attempts, next_at, last_at, last_status, last_error,
                   delivered_at, created_at";
    ADD: "send one event to one webhook" =
        "INSERT INTO tenantry_control.webhook_delivery (id, webhook_id, tenant_id, event_id, sequence, event_type)
         SELECT pg_catalog.gen_random_uuid(), $1, $2, o.id, o.sequence, o.type FROM tenantry_control.outbox o WHERE o.id = $3";
}

fn webhook(row: &Row, at: usize) -> Webhook {
    Webhook {
        id: row.get(at),
        tenant_id: row.get::<_, Option<Uuid>>(at + 1).map(TenantId),
        url: row.get(at + 2),
        description: row.get(at + 3),
        event_types: row.get(at + 4),
        enabled: row.get(at + 5),
        disabled_reason: row.get(at + 6),
        failing_since: row.get(at + 7),
        previous_secret_until: row.get(at + 8),
        version: row.get(at + 9),
        created_at: row.get(at + 10),
        updated_at: row.get(at + 11),
        created_by: row.get(at + 12),
    }
}

fn delivery(row: &Row) -> (i64, Delivery) {
    let delivery = Delivery {
        id: row.get(1),
        event_id: row.get(2),
        event_type: row.get(3),
        status: row.get(4),
        attempts: row.get(5),
        next_at: (row.get::<_, &str>(4) == "pending").then(|| row.get(6)),
        last_at: row.get(7),
        last_status: row.get::<_, Option<i16>>(8).map(i32::from),
        last_error: row.get(9),
        delivered_at: row.get(10),
        created_at: row.get(11),
    };
    (row.get(0), delivery)
}

/// How many endpoints there are; others who make one wait until this transaction ends.
pub(super) async fn count_locked(tx: &Tx, tenant: Option<TenantId>) -> Result<i64, Error> {
    let tenant = tenant.map(|t| t.0);
    tx.query(&ALONE, &[&tenant.map_or_else(String::new, |t| t.to_string())]).await?;
    Ok(tx.query_one(&COUNT, &[&tenant]).await?.get(0))
}

pub(super) async fn insert(tx: &Tx, w: &Webhook) -> Result<Webhook, Error> {
    let tenant = w.tenant_id.map(|t| t.0);
    let params: [&(dyn tenantry_pg::tokio_postgres::types::ToSql + Sync); 6] =
        [&w.id, &tenant, &w.url, &w.description, &w.event_types, &w.created_by];
    Ok(webhook(&tx.query_one(&INSERT, &params).await?, 0))
}

pub(super) async fn list(tx: &Tx, tenant: Option<TenantId>) -> Result<Vec<Webhook>, Error> {
    Ok(tx.query(&LIST, &[&tenant.map(|t| t.0)]).await?.iter().map(|row| webhook(row, 0)).collect())
}

pub(super) async fn read(tx: &Tx, tenant: Option<TenantId>, id: Uuid) -> Result<Webhook, Error> {
    let row = tx.query_opt(&READ, &[&tenant.map(|t| t.0), &id]).await?;
    row.map(|row| webhook(&row, 0)).ok_or_else(Error::not_found)
}

pub(super) async fn lock(tx: &Tx, tenant: Option<TenantId>, id: Uuid) -> Result<Webhook, Error> {
    let row = tx.query_opt(&LOCK, &[&tenant.map(|t| t.0), &id]).await?;
    row.map(|row| webhook(&row, 0)).ok_or_else(Error::not_found)
}

pub(super) async fn update(tx: &Tx, w: &Webhook) -> Result<Webhook, Error> {
    let row = tx.query_one(&UPDATE, &[&w.id, &w.url, &w.description, &w.event_types, &w.enabled]).await?;
    Ok(webhook(&row, 0))
}

pub(super) async fn delete(tx: &Tx, tenant: Option<TenantId>, id: Uuid) -> Result<bool, Error> {
    Ok(tx.execute(&DELETE, &[&tenant.map(|t| t.0), &id]).await? == 1)
}

/// The next secret's number; the one before counts for so many seconds.
pub(super) async fn rotate(tx: &Tx, id: Uuid, overlap: f64) -> Result<(i32, Webhook), Error> {
    let row = tx.query_one(&ROTATE, &[&id, &overlap]).await?;
    Ok((row.get(0), webhook(&row, 1)))
}

/// Disables an endpoint that is enabled.
pub(super) async fn disable(tx: &Tx, id: Uuid, reason: &str) -> Result<bool, Error> {
    Ok(tx.execute(&DISABLE, &[&id, &reason]).await? == 1)
}

/// Deliveries with their places, newest first.
pub(super) async fn deliveries(
    tx: &Tx,
    webhook: Uuid,
    (before, status): (Option<i64>, Option<&str>),
    limit: i64,
) -> Result<Vec<(i64, Delivery)>, Error> {
    Ok(tx.query(&DELIVERIES, &[&webhook, &before, &status, &limit]).await?.iter().map(delivery).collect())
}

/// Sends one again, as if it had never been tried.
pub(super) async fn replay(tx: &Tx, webhook: Uuid, id: Uuid) -> Result<Delivery, Error> {
    let row = tx.query_opt(&REPLAY, &[&webhook, &id]).await?;
    row.as_ref().map(|row| delivery(row).1).ok_or_else(Error::not_found)
}

/// A delivery of this event to this endpoint alone.
pub(super) async fn add(tx: &Tx, webhook: Uuid, tenant: Option<TenantId>, event: Uuid) -> Result<(), Error> {
    tx.execute(&ADD, &[&webhook, &tenant.map(|t| t.0), &event]).await.map(drop)
}
