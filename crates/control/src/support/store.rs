//! The SQL of support access.

use tenantry_pg::tokio_postgres::Row;
use uuid::Uuid;

use super::SupportAccess;
use crate::db::{Tx, statements};
use crate::error::Error;
use crate::ids::TenantId;

/// The columns, in the order of `access()`.
macro_rules! columns {
    () => {
        "id, actor, reason, seconds,
         CASE WHEN status = 'granted' AND expires_at <= now() THEN 'expired' ELSE status END,
         asked_at, decided_at, decided_by, expires_at"
    };
}

statements! {
    LOCK: "wait for others who ask for support access" =
        "SELECT id FROM tenantry_control.tenant WHERE id = $1 FOR UPDATE";
    WAITING: "count what waits for an answer" =
        "SELECT count(*) FROM tenantry_control.support_access WHERE tenant_id = $1 AND status = 'asked'";
    ASK: "ask for support access" = concat!(
        "INSERT INTO tenantry_control.support_access (id, tenant_id, actor, reason, seconds)
         VALUES ($1, $2, $3, $4, $5) RETURNING ", columns!());
    LIST: "list support access" = concat!(
        "SELECT ", columns!(), " FROM tenantry_control.support_access WHERE tenant_id = $1 ORDER BY id DESC LIMIT 200");
    GRANT: "agree to support access" = concat!(
        "UPDATE tenantry_control.support_access
         SET status = 'granted', decided_at = now(), decided_by = $3, expires_at = now() + make_interval(secs => seconds)
         WHERE tenant_id = $1 AND id = $2 AND status = 'asked' RETURNING ", columns!());
    REFUSE: "refuse support access" = concat!(
        "UPDATE tenantry_control.support_access SET status = 'refused', decided_at = now(), decided_by = $3
         WHERE tenant_id = $1 AND id = $2 AND status = 'asked' RETURNING ", columns!());
    END: "end support access" = concat!(
        "UPDATE tenantry_control.support_access
         SET status = 'ended', decided_at = now(), decided_by = $3, expires_at = least(expires_at, now())
         WHERE tenant_id = $1 AND id = $2 AND status IN ('asked', 'granted') RETURNING ", columns!());
    EXISTS: "look for support access" =
        "SELECT EXISTS (SELECT FROM tenantry_control.support_access WHERE tenant_id = $1 AND id = $2)";
}

fn access(row: &Row) -> SupportAccess {
    SupportAccess {
        id: row.get(0),
        actor: row.get(1),
        reason: row.get(2),
        seconds: row.get(3),
        status: row.get(4),
        asked_at: row.get(5),
        decided_at: row.get(6),
        decided_by: row.get(7),
        expires_at: row.get(8),
    }
}

/// How many wait for an answer; others who ask wait until this transaction ends.
pub(super) async fn waiting_locked(tx: &Tx, tenant: TenantId) -> Result<i64, Error> {
    tx.query_opt(&LOCK, &[&tenant.0]).await?;
    Ok(tx.query_one(&WAITING, &[&tenant.0]).await?.get(0))
}

pub(super) async fn ask(
    tx: &Tx,
    tenant: TenantId,
    by: &str,
    reason: &str,
    seconds: i32,
) -> Result<SupportAccess, Error> {
    Ok(access(&tx.query_one(&ASK, &[&Uuid::now_v7(), &tenant.0, &by, &reason, &seconds]).await?))
}

pub(super) async fn list(tx: &Tx, tenant: TenantId) -> Result<Vec<SupportAccess>, Error> {
    Ok(tx.query(&LIST, &[&tenant.0]).await?.iter().map(access).collect())
}

/// What somebody of the tenant decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Grant,
    Refuse,
    End,
}

/// Decides, where there is something to decide.
pub(super) async fn decide(
    tx: &Tx,
    tenant: TenantId,
    id: Uuid,
    decision: Decision,
    by: &str,
) -> Result<Option<SupportAccess>, Error> {
    let sql = match decision {
        Decision::Grant => &GRANT,
        Decision::Refuse => &REFUSE,
        Decision::End => &END,
    };
    Ok(tx.query_opt(sql, &[&tenant.0, &id, &by]).await?.as_ref().map(access))
}

pub(super) async fn exists(tx: &Tx, tenant: TenantId, id: Uuid) -> Result<bool, Error> {
    Ok(tx.query_one(&EXISTS, &[&tenant.0, &id]).await?.get(0))
}
