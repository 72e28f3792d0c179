//! The SQL of deliveries: what waits, whose turn it is, and what came of a try.
//!
//! An endpoint's `due_at` says when it wants work next. It is set by whoever adds a delivery and by whoever worked last,
//! under the lock of its row, so that nothing is left lying.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::Message;
use crate::db::{Tx, statements};
use crate::error::Error;

/// Events that are distributed at once.
const DISTRIBUTED_MAX: i64 = 500;
/// Tries of one event for which those after it wait.
const HOLDING_TRIES: i32 = 3;
/// Rows that are forgotten at once.
const FORGOTTEN_MAX: i64 = 5_000;

statements! {
    ALONE: "wait for others who distribute events" =
        "SELECT pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtext('tenantry_control outbox'))";
    DISTRIBUTE: "distribute events to webhooks" =
        "WITH new AS MATERIALIZED (
             SELECT o.sequence, o.id, o.type, o.time, t.path FROM tenantry_control.outbox o
             LEFT JOIN tenantry_control.tenant t ON t.id = o.tenant_id
             WHERE o.distributed_at IS NULL ORDER BY o.sequence LIMIT $1),
         sent AS (
             INSERT INTO tenantry_control.webhook_delivery (id, webhook_id, tenant_id, event_id, sequence, event_type)
             SELECT pg_catalog.gen_random_uuid(), w.id, w.tenant_id, n.id, n.sequence, n.type
             FROM new n JOIN tenantry_control.webhook w
                 ON w.enabled AND w.created_at <= n.time AND (w.tenant_id IS NULL OR w.tenant_id = ANY (n.path))
             LEFT JOIN tenantry_control.tenant t ON t.id = w.tenant_id
             WHERE coalesce(t.status <> 'deleted', true)
               AND (n.type = ANY (w.event_types) OR EXISTS (
                   SELECT FROM unnest(w.event_types) e
                   WHERE e = '*' OR (e LIKE '%.*' AND starts_with(n.type, left(e, -1)))))
             ON CONFLICT (webhook_id, event_id) DO NOTHING
             RETURNING webhook_id),
         woken AS (
             UPDATE tenantry_control.webhook SET due_at = coalesce(due_at, now())
             WHERE id IN (SELECT webhook_id FROM sent))
         UPDATE tenantry_control.outbox o SET distributed_at = now() FROM new n WHERE o.sequence = n.sequence";
    CLAIM: "claim webhooks that are due" =
        "UPDATE tenantry_control.webhook w SET claim = $1, claimed_until = now() + make_interval(secs => $2)
         FROM (SELECT id FROM tenantry_control.webhook q
               WHERE q.enabled AND q.due_at <= now() AND coalesce(q.claimed_until <= now(), true)
                 AND (q.tenant_id IS NULL OR EXISTS (
                     SELECT FROM tenantry_control.tenant t WHERE t.id = q.tenant_id AND t.status <> 'deleted'))
               ORDER BY q.due_at LIMIT $3 FOR UPDATE SKIP LOCKED) due
         WHERE w.id = due.id
         RETURNING w.id, w.tenant_id, w.url, w.secret_number, coalesce(w.previous_until > now(), false)";
    NEXT: "look for the next delivery" =
        "SELECT d.id, d.attempts, o.id, o.source, o.type, o.subject, o.time, o.tenant_id, o.data
         FROM tenantry_control.webhook_delivery d JOIN tenantry_control.outbox o ON o.id = d.event_id
         WHERE d.webhook_id = $1 AND d.status = 'pending' AND d.next_at <= now() AND d.sequence <= coalesce((
             SELECT min(h.sequence) FROM tenantry_control.webhook_delivery h
             WHERE h.webhook_id = $1 AND h.status = 'pending' AND h.attempts < $2), 9223372036854775807)
         ORDER BY d.sequence LIMIT 1";
    DELIVERED: "note that it was delivered" =
        "UPDATE tenantry_control.webhook_delivery
         SET status = 'delivered', attempts = attempts + 1, last_at = now(), last_status = $2, last_error = NULL,
             delivered_at = now()
         WHERE id = $1";
    HEALTHY: "note that the webhook works" =
        "UPDATE tenantry_control.webhook SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL";
    FAILED: "note that it was not delivered" =
        "UPDATE tenantry_control.webhook_delivery
         SET status = CASE WHEN $4::double precision IS NULL THEN 'dead' ELSE 'pending' END, attempts = attempts + 1,
             last_at = now(), last_status = $2, last_error = $3,
             next_at = now() + make_interval(secs => coalesce($4, 0))
         WHERE id = $1";
    FAILING: "note that the webhook fails" =
        "UPDATE tenantry_control.webhook SET failing_since = coalesce(failing_since, now()) WHERE id = $1
         RETURNING failing_since";
    LOCK: "wait for others at the webhook" =
        "SELECT id FROM tenantry_control.webhook WHERE id = $1 FOR UPDATE";
    DUE: "say when the webhook is due next" =
        "UPDATE tenantry_control.webhook w
         SET claim = CASE WHEN claim = $2 THEN NULL ELSE claim END,
             claimed_until = CASE WHEN claim = $2 THEN NULL ELSE claimed_until END,
             due_at = (SELECT min(d.next_at) FROM tenantry_control.webhook_delivery d
                       WHERE d.webhook_id = w.id AND d.status = 'pending' AND d.sequence <= coalesce((
                           SELECT min(h.sequence) FROM tenantry_control.webhook_delivery h
                           WHERE h.webhook_id = w.id AND h.status = 'pending' AND h.attempts < $3), 9223372036854775807))
         WHERE w.id = $1";
    FORGET_DELIVERIES: "forget old deliveries" =
        "DELETE FROM tenantry_control.webhook_delivery WHERE id IN (
             SELECT id FROM tenantry_control.webhook_delivery
             WHERE (status <> 'pending' AND last_at < now() - make_interval(secs => $1))
                OR created_at < now() - make_interval(secs => $1, days => 7) LIMIT $2)";
    FORGET_EVENTS: "forget old events" =
        "DELETE FROM tenantry_control.outbox WHERE sequence IN (
             SELECT o.sequence FROM tenantry_control.outbox o
             WHERE o.distributed_at IS NOT NULL AND o.time < now() - make_interval(secs => $1)
               AND NOT EXISTS (SELECT FROM tenantry_control.webhook_delivery d WHERE d.event_id = o.id)
             ORDER BY o.time LIMIT $2)";
}

/// An endpoint that this process may send to for a while.
#[derive(Clone, Debug)]
pub(super) struct Claimed {
    pub(super) id: Uuid,
    pub(super) tenant: Option<Uuid>,
    pub(super) url: String,
    pub(super) secret_number: i32,
    /// The secret before it still counts.
    pub(super) is_rotating: bool,
}

/// Something to send.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) id: Uuid,
    pub(super) attempts: i32,
    pub(super) message: Message,
}

/// Writes down deliveries for events that have none yet; how many events, none if another process is at it.
pub(super) async fn distribute(tx: &Tx) -> Result<u64, Error> {
    if !tx.query_one(&ALONE, &[]).await?.get::<_, bool>(0) {
        return Ok(0);
    }
    tx.execute(&DISTRIBUTE, &[&DISTRIBUTED_MAX]).await
}

/// Takes endpoints that are due, each for so long.
pub(super) async fn claim(tx: &Tx, claim: Uuid, for_time: Duration, most: i64) -> Result<Vec<Claimed>, Error> {
    let rows = tx.query(&CLAIM, &[&claim, &for_time.as_secs_f64(), &most]).await?;
    let claimed = |row: &tenantry_pg::tokio_postgres::Row| Claimed {
        id: row.get(0),
        tenant: row.get(1),
        url: row.get(2),
        secret_number: row.get(3),
        is_rotating: row.get(4),
    };
    Ok(rows.iter().map(claimed).collect())
}

/// The next thing to send to an endpoint.
pub(super) async fn next(tx: &Tx, webhook: Uuid) -> Result<Option<Waiting>, Error> {
    let row = tx.query_opt(&NEXT, &[&webhook, &HOLDING_TRIES]).await?;
    Ok(row.map(|row| Waiting {
        id: row.get(0),
        attempts: row.get(1),
        message: Message {
            id: row.get(2),
            source: row.get(3),
            kind: row.get(4),
            subject: row.get(5),
            time: row.get(6),
            tenant: row.get(7),
            data: row.get(8),
        },
    }))
}

/// It arrived.
pub(super) async fn delivered(tx: &Tx, webhook: Uuid, id: Uuid, status: i16) -> Result<(), Error> {
    tx.execute(&DELIVERED, &[&id, &Some(status)]).await?;
    tx.execute(&HEALTHY, &[&webhook]).await.map(drop)
}

/// It did not; another try after a pause, or none. Says since when the endpoint fails.
pub(super) async fn failed(
    tx: &Tx,
    webhook: Uuid,
    id: Uuid,
    (status, error): (Option<i16>, &str),
    pause: Option<Duration>,
) -> Result<Option<Timestamp>, Error> {
    let pause = pause.map(|p| p.as_secs_f64());
    tx.execute(&FAILED, &[&id, &status, &error, &pause]).await?;
    // gone in the meantime: nobody is failing
    Ok(tx.query_opt(&FAILING, &[&webhook]).await?.map(|row| row.get(0)))
}

/// Says when the endpoint is due next, and gives it back if it is ours.
pub(super) async fn settle(tx: &Tx, webhook: Uuid, claim: Option<Uuid>) -> Result<(), Error> {
    // first the lock: what is added by others from here on, they announce themselves
    tx.query_opt(&LOCK, &[&webhook]).await?;
    tx.execute(&DUE, &[&webhook, &claim, &HOLDING_TRIES]).await.map(drop)
}

/// Forgets what is older; true if there may be more.
pub(super) async fn forget(tx: &Tx, keep: Duration) -> Result<bool, Error> {
    let seconds = keep.as_secs_f64();
    let deliveries = tx.execute(&FORGET_DELIVERIES, &[&seconds, &FORGOTTEN_MAX]).await?;
    let events = tx.execute(&FORGET_EVENTS, &[&seconds, &FORGOTTEN_MAX]).await?;
    Ok(deliveries.max(events) == FORGOTTEN_MAX.unsigned_abs())
}
