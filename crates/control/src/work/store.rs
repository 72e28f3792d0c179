//! The SQL of the journal.

use serde_json::Value;
use tenantry_pg::tokio_postgres::Row;
use uuid::Uuid;

use super::{Kind, LEASE, Task};
use crate::db::{Tx, statements};
use crate::error::Error;
use crate::ids::TenantId;

statements! {
    ADD: "write the task down" =
        "INSERT INTO tenantry_control.task
             (id, kind, tenant_id, subject, database_id, application_version, step, data)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT DO NOTHING";
    // whose database this process cannot enter, that task is not its to take
    TAKE: "take a task" =
        "UPDATE tenantry_control.task t
         SET lease = $2, leased_until = now() + make_interval(secs => $3), attempts = attempts + 1
         WHERE id = (SELECT id FROM tenantry_control.task
                     WHERE ended_at IS NULL AND due_at <= now() AND coalesce(leased_until < now(), true)
                       AND (database_id IS NULL OR database_id IN
                            (SELECT id FROM tenantry_control.database WHERE name = ANY ($1)))
                       AND (kind <> 'migrate' OR EXISTS
                            (SELECT FROM tenantry_control.fleet_migration m
                             WHERE m.version = application_version AND m.state = 'running'
                               AND m.parallel > (SELECT count(*) FROM tenantry_control.task o
                                                 WHERE o.application_version = m.version AND o.kind = 'migrate'
                                                   AND o.ended_at IS NULL AND o.leased_until >= now())))
                     ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING id, kind, tenant_id, subject, application_version, step, attempts, failure, data, lease";
    RENEW: "renew the loan of a task" =
        "UPDATE tenantry_control.task SET leased_until = now() + make_interval(secs => $3)
         WHERE id = $1 AND lease = $2 AND ended_at IS NULL";
    NEXT: "record the step" =
        "UPDATE tenantry_control.task
         SET step = $3, attempts = 0, leased_until = now() + make_interval(secs => $4)
         WHERE id = $1 AND lease = $2 AND ended_at IS NULL";
    AGAIN: "let the step be tried again" =
        "UPDATE tenantry_control.task
         SET failure = $3, due_at = now() + make_interval(secs => $4), lease = NULL, leased_until = NULL
         WHERE id = $1 AND lease = $2 AND ended_at IS NULL";
    BACK: "turn the task round" =
        "UPDATE tenantry_control.task
         SET step = $3, failure = $4, attempts = 0, leased_until = now() + make_interval(secs => $5)
         WHERE id = $1 AND lease = $2 AND ended_at IS NULL";
    END: "end the task" =
        "UPDATE tenantry_control.task
         SET ended_at = now(), failure = $3, lease = NULL, leased_until = NULL, step = 'ended'
         WHERE id = $1 AND lease = $2 AND ended_at IS NULL";
    OF_TENANT: "read how far the tenant's task is" =
        "SELECT kind, step, attempts, failure, ended_at IS NOT NULL FROM tenantry_control.task
         WHERE tenant_id = $1 AND kind IN ('provision', 'erase') ORDER BY created_at DESC, id DESC LIMIT 1";
}

/// A task to be written down.
#[derive(Debug)]
pub(crate) struct New<'a> {
    pub(crate) kind: Kind,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) subject: Option<Uuid>,
    pub(crate) database: Option<Uuid>,
    pub(crate) version: Option<&'a str>,
    pub(crate) step: &'a str,
    pub(crate) data: Value,
}

/// Writes a task down; false if there is one like it.
pub(crate) async fn add(tx: &Tx, new: &New<'_>) -> Result<bool, Error> {
    let (id, tenant) = (Uuid::now_v7(), new.tenant.map(|t| t.0));
    let kind = new.kind.as_str();
    let params: [&(dyn tenantry_pg::tokio_postgres::types::ToSql + Sync); 8] =
        [&id, &kind, &tenant, &new.subject, &new.database, &new.version, &new.step, &new.data];
    Ok(tx.execute(&ADD, &params).await? == 1)
}

/// Takes a task that is due and that nobody has.
pub(super) async fn take(tx: &Tx, databases: &[String]) -> Result<Option<Task>, Error> {
    let row = tx.query_opt(&TAKE, &[&databases, &Uuid::new_v4(), &LEASE.as_secs_f64()]).await?;
    row.as_ref().map(task).transpose()
}

fn task(row: &Row) -> Result<Task, Error> {
    Ok(Task {
        id: row.get(0),
        kind: Kind::parse(row.get(1)).ok_or_else(|| Error::bug("read the kind of a task"))?,
        tenant: row.get::<_, Option<Uuid>>(2).map(TenantId),
        subject: row.get(3),
        version: row.get(4),
        step: row.get(5),
        attempts: row.get(6),
        failure: row.get(7),
        data: row.get(8),
        lease: row.get(9),
    })
}

/// Holds it for longer; false if it is somebody else's.
pub(super) async fn renew(tx: &Tx, task: &Task) -> Result<bool, Error> {
    Ok(tx.execute(&RENEW, &[&task.id, &task.lease, &LEASE.as_secs_f64()]).await? == 1)
}

/// Records what is to be done next.
pub(super) async fn next(tx: &Tx, task: &Task, step: &str) -> Result<bool, Error> {
    Ok(tx.execute(&NEXT, &[&task.id, &task.lease, &step, &LEASE.as_secs_f64()]).await? == 1)
}

/// Gives it back, to be tried again.
pub(super) async fn again(tx: &Tx, task: &Task, failure: &str, seconds: f64) -> Result<bool, Error> {
    Ok(tx.execute(&AGAIN, &[&task.id, &task.lease, &failure, &seconds]).await? == 1)
}

/// Records that what was made is taken back from here on.
pub(super) async fn back(tx: &Tx, task: &Task, step: &str, failure: &str) -> Result<bool, Error> {
    Ok(tx.execute(&BACK, &[&task.id, &task.lease, &step, &failure, &LEASE.as_secs_f64()]).await? == 1)
}

/// Records that it is at its end.
pub(crate) async fn end(tx: &Tx, task: &Task, failure: Option<&str>) -> Result<bool, Error> {
    Ok(tx.execute(&END, &[&task.id, &task.lease, &failure]).await? == 1)
}

/// How far the latest work on a tenant is.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Progress {
    /// `provision` or `erase`.
    pub(crate) kind: String,
    /// What is done next, or `ended`.
    pub(crate) step: String,
    /// Tries of this step.
    pub(crate) attempts: i32,
    /// What went wrong last.
    pub(crate) failure: Option<String>,
    /// Nothing is left to do.
    pub(crate) ended: bool,
}

pub(crate) async fn of_tenant(tx: &Tx, tenant: TenantId) -> Result<Option<Progress>, Error> {
    let row = tx.query_opt(&OF_TENANT, &[&tenant.0]).await?;
    Ok(row.map(|r| Progress { kind: r.get(0), step: r.get(1), attempts: r.get(2), failure: r.get(3), ended: r.get(4) }))
}
