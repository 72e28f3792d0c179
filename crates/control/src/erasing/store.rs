//! The SQL of erasing.

use jiff::Timestamp;

use super::Erased;
use crate::db::{Tx, statements};
use crate::error::Error;
use crate::ids::TenantId;
use crate::tenants::{Tenant, store as tenants};

statements! {
    // a shared tenant waits until every database that may hold rows of it can be entered, and until there is one
    DUE: "look for tenants whose time is over" =
        "SELECT t.id FROM tenantry_control.tenant t
         LEFT JOIN tenantry_control.placement p ON p.tenant_id = t.id
         LEFT JOIN tenantry_control.database d ON d.id = p.database_id
         WHERE t.status = 'deleted' AND t.erase_at <= now()
           AND (d.name = ANY ($1) OR p.tenant_id IS NULL
                AND EXISTS (SELECT FROM tenantry_control.database WHERE 'shared' = ANY (strategies))
                AND NOT EXISTS (SELECT FROM tenantry_control.database
                                WHERE 'shared' = ANY (strategies) AND name <> ALL ($1)))
         ORDER BY t.erase_at LIMIT 100";
    IS_DUE: "look whether the tenant's time is over" =
        "SELECT status = 'deleted' AND erase_at <= now() FROM tenantry_control.tenant WHERE id = $1";
    BEGIN: "begin the record of the erasure" =
        "INSERT INTO tenantry_control.erasure (tenant_id, strategy) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    PROOF: "read what was erased" =
        "SELECT proof FROM tenantry_control.erasure WHERE tenant_id = $1";
    KEEP: "note what was erased" =
        "UPDATE tenantry_control.erasure SET proof = $2 WHERE tenant_id = $1";
    READ: "read the record of the erasure" =
        "SELECT strategy, begun_at, ended_at, proof FROM tenantry_control.erasure WHERE tenant_id = $1";
    SHARED: "look for databases of shared tenants" =
        "SELECT name FROM tenantry_control.database WHERE 'shared' = ANY (strategies) ORDER BY name";
    FORGET: "take away what the control plane knows of the tenant" =
        "SELECT relation, sum(deleted)::bigint FROM tenantry_control.forget($1) GROUP BY relation ORDER BY relation";
    // what stays is an id, so that it is never given again, and a name that is nobody's
    LINE: "leave a line of the tenant" =
        "UPDATE tenantry_control.tenant
         SET status = 'erased', status_reason = NULL, name = 'erased', slug = 'erased-' || replace(id::text, '-', ''),
             contact_name = NULL, contact_email = NULL, external_id = NULL, version = version + 1, updated_at = now()
         WHERE id = $1";
    ENDED: "end the record of the erasure" =
        "UPDATE tenantry_control.erasure SET ended_at = now() WHERE tenant_id = $1";
    REST: "let the slugs of the tenant rest" =
        "UPDATE tenantry_control.slug_claim SET free_from = greatest(free_from, now() + make_interval(days => $2))
         WHERE tenant_id = $1";
}

pub(super) async fn due(tx: &Tx, databases: &[String]) -> Result<Vec<TenantId>, Error> {
    Ok(tx.query(&DUE, &[&databases]).await?.iter().map(|r| TenantId(r.get(0))).collect())
}

pub(super) async fn is_due(tx: &Tx, tenant: TenantId) -> Result<bool, Error> {
    Ok(tx.query_one(&IS_DUE, &[&tenant.0]).await?.get(0))
}

pub(super) async fn begin(tx: &Tx, tenant: TenantId, strategy: &str) -> Result<(), Error> {
    tx.execute(&BEGIN, &[&tenant.0, &strategy]).await.map(drop)
}

pub(super) async fn proof(tx: &Tx, tenant: TenantId) -> Result<Vec<Erased>, Error> {
    let row = tx.query_one(&PROOF, &[&tenant.0]).await?;
    serde_json::from_value(row.get(0)).map_err(|e| Error::bug("read a proof").because(e))
}

pub(super) async fn keep_proof(tx: &Tx, tenant: TenantId, proof: &[Erased]) -> Result<(), Error> {
    let proof = serde_json::to_value(proof).map_err(|e| Error::bug("write a proof").because(e))?;
    tx.execute(&KEEP, &[&tenant.0, &proof]).await.map(drop)
}

/// The record of an erasure.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    strategy: String,
    begun_at: Timestamp,
    /// None while it goes on.
    ended_at: Option<Timestamp>,
    /// Rows by table, before and after.
    erased: Vec<Erased>,
}

pub(super) async fn read(tx: &Tx, tenant: TenantId) -> Result<Option<Record>, Error> {
    let Some(row) = tx.query_opt(&READ, &[&tenant.0]).await? else { return Ok(None) };
    let erased = serde_json::from_value(row.get(3)).map_err(|e| Error::bug("read a proof").because(e))?;
    Ok(Some(Record { strategy: row.get(0), begun_at: row.get(1), ended_at: row.get(2), erased }))
}

pub(super) async fn shared(tx: &Tx) -> Result<Vec<String>, Error> {
    Ok(tx.query(&SHARED, &[]).await?.iter().map(|r| r.get(0)).collect())
}

/// Takes away keys and whatever else has the tenant's id, and gives the numbers of rows by table.
pub(super) async fn forget(tx: &Tx, tenant: TenantId) -> Result<Vec<(String, i64)>, Error> {
    Ok(tx.query(&FORGET, &[&tenant.0]).await?.iter().map(|r| (r.get(0), r.get(1))).collect())
}

/// Leaves the line that says that there was one; its slugs rest from now on.
pub(super) async fn end(tx: &Tx, tenant: TenantId, rest_days: i32) -> Result<(), Error> {
    tx.execute(&REST, &[&tenant.0, &rest_days]).await?;
    tx.execute(&LINE, &[&tenant.0]).await?;
    tx.execute(&ENDED, &[&tenant.0]).await.map(drop)
}

/// That line.
pub(super) async fn line(tx: &Tx, tenant: TenantId) -> Result<Tenant, Error> {
    tenants::find(tx, tenant).await?.ok_or_else(|| Error::bug("find the line of an erased tenant"))
}
