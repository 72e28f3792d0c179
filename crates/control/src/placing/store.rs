//! The SQL of placements and of databases made ahead.

use tenantry_pg::tokio_postgres::Row;
use uuid::Uuid;

use super::Placement;
use crate::databases::{Database, Strategy};
use crate::db::{Tx, statements};
use crate::error::Error;
use crate::ids::TenantId;

statements! {
    READ: "read where the tenant lives" =
        "SELECT p.tenant_id, p.database_id, d.name, p.strategy, p.schema_name, p.database_name, p.role_name,
                p.owner_name, p.application_version
         FROM tenantry_control.placement p JOIN tenantry_control.database d ON d.id = p.database_id
         WHERE p.tenant_id = $1";
    INSERT: "write down where the tenant lives" =
        "INSERT INTO tenantry_control.placement
             (tenant_id, database_id, strategy, schema_name, database_name, role_name, owner_name, application_version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    VERSION: "note the version of the application" =
        "UPDATE tenantry_control.placement SET application_version = $2 WHERE tenant_id = $1";
    RENAME: "note the name of the tenant's database" =
        "UPDATE tenantry_control.placement SET database_name = $2 WHERE tenant_id = $1";
    ADD_ACCESS: "let the tenant's login follow" =
        "INSERT INTO tenantry_control.task (id, kind, tenant_id, database_id, step)
         SELECT gen_random_uuid(), 'access', p.tenant_id, p.database_id, 'follow'
         FROM tenantry_control.placement p WHERE p.tenant_id = $1 AND p.role_name IS NOT NULL";
    READY_PLACE: "note that the tenant's place is whole" =
        "UPDATE tenantry_control.placement SET ready = true WHERE tenant_id = $1";
    IS_UNFINISHED: "look whether the tenant's place was ever whole" =
        "SELECT EXISTS (SELECT FROM tenantry_control.placement
                        WHERE tenant_id = $1 AND strategy <> 'shared' AND NOT ready)";
    STATUS: "read the tenant's state" =
        "SELECT status FROM tenantry_control.tenant WHERE id = $1";
    TAKE_WARM: "take a database that was made ahead" =
        "DELETE FROM tenantry_control.warm_database
         WHERE id = (SELECT w.id FROM tenantry_control.warm_database w
                     JOIN tenantry_control.database d ON d.id = w.database_id
                     WHERE w.database_id = $1 AND w.ready AND w.template = $2
                       AND w.application_version IS NOT DISTINCT FROM d.template_version
                     ORDER BY w.created_at LIMIT 1 FOR UPDATE OF w SKIP LOCKED)
         RETURNING database_id, name, template, application_version";
    ADD_WARM: "write down a database to be made ahead" =
        "INSERT INTO tenantry_control.warm_database (id, database_id, name, template) VALUES ($1, $2, $3, $4)";
    READ_WARM: "read the database that is made ahead" =
        "SELECT database_id, name, template, application_version FROM tenantry_control.warm_database WHERE id = $1";
    READY: "note that the database is ready" =
        "UPDATE tenantry_control.warm_database SET ready = true, application_version = $2 WHERE id = $1";
    UNREADY: "keep tenants from the database" =
        "UPDATE tenantry_control.warm_database SET ready = false WHERE id = $1 AND ready";
    DROP_WARM: "forget the database" =
        "DELETE FROM tenantry_control.warm_database WHERE id = $1";
    // held, so that two that look at once do not make twice as many
    WANTED: "look for databases that need more made ahead" =
        "SELECT d.id, d.template_database,
                CASE WHEN d.drained THEN 0 ELSE d.warm END - (SELECT count(*)::integer FROM tenantry_control.warm_database w
                          WHERE w.database_id = d.id AND w.template = d.template_database
                            AND (NOT w.ready OR w.application_version IS NOT DISTINCT FROM d.template_version))
         FROM tenantry_control.database d
         WHERE d.template_database IS NOT NULL AND d.name = ANY ($1)
         FOR UPDATE OF d SKIP LOCKED";
    SURPLUS: "look for databases made ahead that nobody wants" =
        "SELECT w.id FROM tenantry_control.warm_database w JOIN tenantry_control.database d ON d.id = w.database_id
         WHERE d.id = $1 AND w.ready AND (w.template IS DISTINCT FROM d.template_database
               OR w.application_version IS DISTINCT FROM d.template_version OR w.id IN
               (SELECT id FROM tenantry_control.warm_database o WHERE o.database_id = d.id AND o.ready
                ORDER BY o.created_at OFFSET CASE WHEN d.drained THEN 0 ELSE d.warm END))
         FOR UPDATE OF w SKIP LOCKED";
}

fn placement(row: &Row) -> Result<Placement, Error> {
    Ok(Placement {
        tenant: TenantId(row.get(0)),
        database_id: row.get(1),
        database: row.get(2),
        strategy: Strategy::parse(row.get(3)).ok_or_else(|| Error::bug("read a strategy"))?,
        schema: row.get(4),
        own_database: row.get(5),
        role: row.get(6),
        owner: row.get(7),
        version: row.get(8),
    })
}

pub(crate) async fn read(tx: &Tx, tenant: TenantId) -> Result<Option<Placement>, Error> {
    tx.query_opt(&READ, &[&tenant.0]).await?.as_ref().map(placement).transpose()
}

pub(super) async fn insert(tx: &Tx, p: &Placement) -> Result<(), Error> {
    let strategy = p.strategy.as_str();
    let params: [&(dyn tenantry_pg::tokio_postgres::types::ToSql + Sync); 8] =
        [&p.tenant.0, &p.database_id, &strategy, &p.schema, &p.own_database, &p.role, &p.owner, &p.version];
    tx.execute(&INSERT, &params).await.map(drop)
}

/// Writes down that the tenant's login must follow its state.
pub(super) async fn add_access(tx: &Tx, tenant: TenantId) -> Result<(), Error> {
    tx.execute(&ADD_ACCESS, &[&tenant.0]).await.map(drop)
}

/// Notes that the tenant's place is whole.
pub(super) async fn set_whole(tx: &Tx, tenant: TenantId) -> Result<(), Error> {
    tx.execute(&READY_PLACE, &[&tenant.0]).await.map(drop)
}

/// Whether a place was chosen for the tenant that never came to be.
pub(crate) async fn is_unfinished(tx: &Tx, tenant: TenantId) -> Result<bool, Error> {
    Ok(tx.query_one(&IS_UNFINISHED, &[&tenant.0]).await?.get(0))
}

/// The tenant's state.
pub(super) async fn status(tx: &Tx, tenant: TenantId) -> Result<Option<String>, Error> {
    Ok(tx.query_opt(&STATUS, &[&tenant.0]).await?.map(|r| r.get(0)))
}

/// Notes of what version of the application a tenant's place is.
pub(crate) async fn set_version(tx: &Tx, tenant: TenantId, version: Option<&str>) -> Result<(), Error> {
    tx.execute(&VERSION, &[&tenant.0, &version]).await.map(drop)
}

/// Lets a tenant have a database of another name.
pub(super) async fn rename(tx: &Tx, tenant: TenantId, database: &str) -> Result<(), Error> {
    tx.execute(&RENAME, &[&tenant.0, &database]).await.map(drop)
}

/// A database made ahead.
#[derive(Clone, Debug)]
pub(crate) struct Warm {
    pub(crate) database: Uuid,
    pub(crate) name: String,
    pub(crate) template: String,
    pub(crate) version: Option<String>,
}

fn warm(row: &Row) -> Warm {
    Warm { database: row.get(0), name: row.get(1), template: row.get(2), version: row.get(3) }
}

/// Takes one for a tenant; it is nobody else's when this transaction commits.
pub(super) async fn take_warm(tx: &Tx, d: &Database) -> Result<Option<Warm>, Error> {
    Ok(tx.query_opt(&TAKE_WARM, &[&d.id, &d.template_database]).await?.as_ref().map(warm))
}

pub(super) async fn add_warm(tx: &Tx, id: Uuid, database: Uuid, name: &str, template: &str) -> Result<(), Error> {
    tx.execute(&ADD_WARM, &[&id, &database, &name, &template]).await.map(drop)
}

pub(super) async fn read_warm(tx: &Tx, id: Uuid) -> Result<Option<Warm>, Error> {
    Ok(tx.query_opt(&READ_WARM, &[&id]).await?.as_ref().map(warm))
}

pub(super) async fn set_ready(tx: &Tx, id: Uuid, version: Option<&str>) -> Result<(), Error> {
    tx.execute(&READY, &[&id, &version]).await.map(drop)
}

/// False if a tenant has it by now.
pub(super) async fn set_unready(tx: &Tx, id: Uuid) -> Result<bool, Error> {
    Ok(tx.execute(&UNREADY, &[&id]).await? == 1)
}

pub(super) async fn drop_warm(tx: &Tx, id: Uuid) -> Result<(), Error> {
    tx.execute(&DROP_WARM, &[&id]).await.map(drop)
}

/// Databases of these names with a template, and how many more are wanted ahead.
pub(super) async fn wanted(tx: &Tx, names: &[String]) -> Result<Vec<(Uuid, String, i32)>, Error> {
    let rows = tx.query(&WANTED, &[&names]).await?;
    Ok(rows.iter().map(|r| (r.get(0), r.get(1), r.get(2))).collect())
}

/// Databases made ahead that are too many, or of another template.
pub(super) async fn surplus(tx: &Tx, database: Uuid) -> Result<Vec<Uuid>, Error> {
    Ok(tx.query(&SURPLUS, &[&database]).await?.iter().map(|r| r.get(0)).collect())
}
