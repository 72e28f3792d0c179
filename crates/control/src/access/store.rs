//! The SQL of keys and of reach.

use jiff::Timestamp;
use tenantry_pg::tokio_postgres::Row;
use uuid::Uuid;

use super::actor::Support;
use super::role::Role;
use crate::db::{Tx, statements};
use crate::error::Error;
use crate::ids::TenantId;

statements! {
    STANDS: "find out where a tenant stands" =
        "SELECT t.path, EXISTS (SELECT FROM tenantry_control.membership m
                                WHERE m.tenant_id = ANY (t.path) AND m.role = 'Admin'),
                s.id, s.reason
         FROM tenantry_control.tenant t
         LEFT JOIN LATERAL (
             SELECT id, reason FROM tenantry_control.support_access
             WHERE tenant_id = t.id AND actor = $2 AND status = 'granted' AND expires_at > now()
             ORDER BY expires_at DESC LIMIT 1) s ON true
         WHERE t.id = $1";
    FIND: "look for the key" =
        "SELECT k.tenant_id, k.role, k.secret_hash, t.status,
                k.revoked_at IS NOT NULL OR coalesce(k.expires_at <= now(), false),
                coalesce(k.last_used_at < now() - interval '1 hour', true)
         FROM tenantry_control.api_key k LEFT JOIN tenantry_control.tenant t ON t.id = k.tenant_id
         WHERE k.id = $1";
    USED: "note that the key was used" =
        "UPDATE tenantry_control.api_key SET last_used_at = date_trunc('hour', now()) WHERE id = $1";
    ANY: "look for the first key" =
        "SELECT EXISTS (SELECT FROM tenantry_control.api_key WHERE tenant_id IS NULL)";
    ALONE: "wait for others who start" =
        "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('tenantry_control first key'))";
    INSERT: "keep the key" =
        "INSERT INTO tenantry_control.api_key
             (id, tenant_id, name, role, secret_hash, verifier, expires_at, replaces, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         RETURNING id, tenant_id, name, role, expires_at, last_used_at, revoked_at, replaces, created_at, created_by";
    LIST: "list the keys" =
        "SELECT id, tenant_id, name, role, expires_at, last_used_at, revoked_at, replaces, created_at, created_by
         FROM tenantry_control.api_key WHERE tenant_id = $1 ORDER BY created_at, id";
    READ: "read the key" =
        "SELECT id, tenant_id, name, role, expires_at, last_used_at, revoked_at, replaces, created_at, created_by
         FROM tenantry_control.api_key WHERE tenant_id = $1 AND id = $2";
    COUNT: "count the keys" =
        "SELECT count(*) FROM tenantry_control.api_key
         WHERE tenant_id = $1 AND revoked_at IS NULL AND coalesce(expires_at > now(), true)";
    LOCK: "wait for others who make keys" =
        "SELECT id FROM tenantry_control.tenant WHERE id = $1 FOR UPDATE";
    END: "end the key" =
        "UPDATE tenantry_control.api_key
         SET expires_at = least(coalesce(expires_at, 'infinity'), now() + make_interval(secs => $3)), version = version + 1
         WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL";
    REVOKE: "take the key back" =
        "UPDATE tenantry_control.api_key SET revoked_at = now(), version = version + 1
         WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL";
}

/// Where a tenant stands, for somebody who asks.
pub(crate) struct Stands {
    /// The tenant and everybody above it, from the top.
    pub(crate) path: Vec<TenantId>,
    /// There is an Admin of it, or above it, who can be asked.
    pub(crate) is_claimed: bool,
    /// It has let whoever asks look inside.
    pub(crate) support: Option<Support>,
}

/// Where the tenant stands; `None` if there is none.
pub(crate) async fn stands(tx: &Tx, tenant: TenantId, actor: &str) -> Result<Option<Stands>, Error> {
    let row = tx.query_opt(&STANDS, &[&tenant.0, &actor]).await?;
    Ok(row.map(|r| Stands {
        path: r.get::<_, Vec<Uuid>>(0).into_iter().map(TenantId).collect(),
        is_claimed: r.get(1),
        support: r.get::<_, Option<Uuid>>(2).map(|id| Support { id, reason: r.get(3) }),
    }))
}

/// What is known of a key, to check one.
pub(crate) struct Known {
    pub(crate) tenant: Option<TenantId>,
    pub(crate) role: Option<Role>,
    pub(crate) hash: Vec<u8>,
    /// Of its tenant.
    pub(crate) status: Option<String>,
    /// Revoked or expired.
    pub(crate) ended: bool,
    /// The note of its last use is old.
    pub(crate) note_use: bool,
}

/// The key of this id.
pub(crate) async fn find(tx: &Tx, id: &str) -> Result<Option<Known>, Error> {
    let row = tx.query_opt(&FIND, &[&id]).await?;
    Ok(row.map(|r| Known {
        tenant: r.get::<_, Option<Uuid>>(0).map(TenantId),
        role: Role::parse(r.get(1)),
        hash: r.get(2),
        status: r.get(3),
        ended: r.get(4),
        note_use: r.get(5),
    }))
}

/// Notes that a key was used, to the hour.
pub(crate) async fn used(tx: &Tx, id: &str) -> Result<(), Error> {
    tx.execute(&USED, &[&id]).await.map(drop)
}

/// Waits until nobody else makes the platform's first key.
pub(crate) async fn lock_platform(tx: &Tx) -> Result<(), Error> {
    tx.query(&ALONE, &[]).await.map(drop)
}

/// Whether the platform has a key.
pub(crate) async fn has_platform_key(tx: &Tx) -> Result<bool, Error> {
    Ok(tx.query_one(&ANY, &[]).await?.get(0))
}

/// A key as it is shown: never the key.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Its public name.
    pub id: String,
    /// Its tenant; none for a key of the platform.
    pub tenant_id: Option<TenantId>,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: String,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the hour.
    pub last_used_at: Option<Timestamp>,
    /// Since when it is taken back.
    pub revoked_at: Option<Timestamp>,
    /// The key that it was made in place of.
    pub replaces: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

fn api_key(row: &Row) -> ApiKey {
    ApiKey {
        id: row.get(0),
        tenant_id: row.get::<_, Option<Uuid>>(1).map(TenantId),
        name: row.get(2),
        role: row.get(3),
        expires_at: row.get(4),
        last_used_at: row.get(5),
        revoked_at: row.get(6),
        replaces: row.get(7),
        created_at: row.get(8),
        created_by: row.get(9),
    }
}

/// What is kept of a new key.
pub(crate) struct Kept<'a> {
    pub(crate) id: &'a str,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) name: &'a str,
    pub(crate) role: Role,
    pub(crate) hash: &'a [u8],
    pub(crate) verifier: Option<&'a str>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) replaces: Option<&'a str>,
    pub(crate) created_by: &'a str,
}

pub(crate) async fn insert(tx: &Tx, key: &Kept<'_>) -> Result<ApiKey, Error> {
    let tenant = key.tenant.map(|t| t.0);
    let row = tx
        .query_one(
            &INSERT,
            &[
                &key.id,
                &tenant,
                &key.name,
                &key.role.as_str(),
                &key.hash,
                &key.verifier,
                &key.expires_at,
                &key.replaces,
                &key.created_by,
            ],
        )
        .await?;
    Ok(api_key(&row))
}

pub(crate) async fn list(tx: &Tx, tenant: TenantId) -> Result<Vec<ApiKey>, Error> {
    Ok(tx.query(&LIST, &[&tenant.0]).await?.iter().map(api_key).collect())
}

pub(crate) async fn read(tx: &Tx, tenant: TenantId, id: &str) -> Result<Option<ApiKey>, Error> {
    Ok(tx.query_opt(&READ, &[&tenant.0, &id]).await?.as_ref().map(api_key))
}

/// How many keys of the tenant count; others who make one wait until this transaction ends.
pub(crate) async fn count_locked(tx: &Tx, tenant: TenantId) -> Result<i64, Error> {
    tx.query_opt(&LOCK, &[&tenant.0]).await?;
    Ok(tx.query_one(&COUNT, &[&tenant.0]).await?.get(0))
}

/// Lets a key end after so many seconds.
pub(crate) async fn end_in(tx: &Tx, tenant: TenantId, id: &str, seconds: f64) -> Result<bool, Error> {
    Ok(tx.execute(&END, &[&tenant.0, &id, &seconds]).await? == 1)
}

pub(crate) async fn revoke(tx: &Tx, tenant: TenantId, id: &str) -> Result<bool, Error> {
    Ok(tx.execute(&REVOKE, &[&tenant.0, &id]).await? == 1)
}
