//! The SQL of the fleet and its migrations.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::databases::Strategy;
use crate::db::{Tx, statements};
use crate::error::Error;
use crate::ids::TenantId;

statements! {
    RUNNING: "look for a migration under way" =
        "SELECT version FROM tenantry_control.fleet_migration WHERE state = 'running'";
    LOCK: "read the migration to change it" =
        "SELECT state, stop_after FROM tenantry_control.fleet_migration WHERE version = $1 FOR UPDATE";
    COUNT: "count the places of the migration" =
        "SELECT count(*), count(*) FILTER (WHERE ended_at IS NULL),
                count(*) FILTER (WHERE ended_at IS NOT NULL AND failure IS NOT NULL)
         FROM tenantry_control.task WHERE kind = 'migrate' AND application_version = $1";
    ADD: "begin the migration" =
        "INSERT INTO tenantry_control.fleet_migration (version, sql, parallel, stop_after, state)
         VALUES ($1, $2, $3, $4, 'running')";
    SQL: "read the migration's SQL" =
        "SELECT sql FROM tenantry_control.fleet_migration WHERE version = $1";
    STATE: "change the state of the migration" =
        "UPDATE tenantry_control.fleet_migration
         SET state = $2, ended_at = CASE WHEN $2 = 'running' THEN NULL ELSE now() END WHERE version = $1";
    // the templates first: what is made from then on is of the new version
    TEMPLATES: "write down the templates to be migrated" =
        "INSERT INTO tenantry_control.task (id, kind, subject, database_id, application_version, step, due_at)
         SELECT gen_random_uuid(), 'migrate', id, id, $1, 'run', now() - interval '1 second'
         FROM tenantry_control.database WHERE template_schema IS NOT NULL OR template_database IS NOT NULL
         ON CONFLICT DO NOTHING";
    PLACES: "write down the places to be migrated" =
        "INSERT INTO tenantry_control.task (id, kind, tenant_id, database_id, application_version, step)
         SELECT gen_random_uuid(), 'migrate', p.tenant_id, p.database_id, $1, 'run'
         FROM tenantry_control.placement p JOIN tenantry_control.tenant t ON t.id = p.tenant_id
         WHERE p.strategy <> 'shared' AND p.application_version IS DISTINCT FROM $1
           AND t.status IN ('active', 'suspended', 'deleted')
         ON CONFLICT DO NOTHING";
    PROVISIONING: "look for tenants that are being made" =
        "SELECT EXISTS (SELECT FROM tenantry_control.tenant WHERE status = 'provisioning')";
    TEMPLATE_VERSION: "note the version of the templates" =
        "UPDATE tenantry_control.database SET template_version = $2 WHERE id = $1";
    AGAIN: "let failed places be tried again" =
        "UPDATE tenantry_control.task
         SET ended_at = NULL, failure = NULL, attempts = 0, step = 'run', due_at = now()
         WHERE kind = 'migrate' AND application_version = $1 AND ended_at IS NOT NULL AND failure IS NOT NULL";
    GIVE_UP: "end what was not begun" =
        "UPDATE tenantry_control.task SET ended_at = now(), failure = coalesce(failure, 'abandoned'), lease = NULL
         WHERE kind = 'migrate' AND application_version = $1 AND ended_at IS NULL";
    MIGRATIONS: "list the migrations" =
        "SELECT m.version, m.state, m.parallel, m.stop_after, m.created_at, m.ended_at, count(t.id),
                count(t.id) FILTER (WHERE t.ended_at IS NULL),
                count(t.id) FILTER (WHERE t.ended_at IS NOT NULL AND t.failure IS NOT NULL)
         FROM tenantry_control.fleet_migration m
         LEFT JOIN tenantry_control.task t ON t.kind = 'migrate' AND t.application_version = m.version
         WHERE $1::text IS NULL OR m.version = $1
         GROUP BY m.version ORDER BY m.sequence DESC LIMIT 100";
    FAILURES: "list the places that failed" =
        "SELECT t.tenant_id, t.subject, t.failure, t.attempts, t.ended_at IS NOT NULL
         FROM tenantry_control.task t
         WHERE t.kind = 'migrate' AND t.application_version = $1 AND t.failure IS NOT NULL
         ORDER BY t.id LIMIT 200";
    VERSIONS: "count the fleet by version" =
        "SELECT p.application_version, count(*) FROM tenantry_control.placement p
         JOIN tenantry_control.tenant t ON t.id = p.tenant_id
         WHERE p.strategy <> 'shared' AND t.status NOT IN ('failed', 'erased') GROUP BY 1 ORDER BY 1 NULLS FIRST";
    FLEET: "list the fleet" =
        "SELECT p.tenant_id, t.slug, t.status, p.strategy, d.name, p.application_version
         FROM tenantry_control.placement p JOIN tenantry_control.tenant t ON t.id = p.tenant_id
         JOIN tenantry_control.database d ON d.id = p.database_id
         WHERE p.strategy <> 'shared' AND t.status NOT IN ('failed', 'erased')
           AND ($1::uuid IS NULL OR p.tenant_id > $1) AND ($2::text IS NULL OR coalesce(p.application_version, 'none') = $2)
         ORDER BY p.tenant_id LIMIT $3";
}

/// How far a migration is.
pub(super) struct Counts {
    pub(super) state: String,
    pub(super) stop_after: i32,
    pub(super) open: i64,
    pub(super) failed: i64,
}

pub(super) async fn running(tx: &Tx) -> Result<Option<String>, Error> {
    Ok(tx.query_opt(&RUNNING, &[]).await?.map(|r| r.get(0)))
}

/// How far it is; held until the transaction ends, and counted while it is held.
pub(super) async fn lock(tx: &Tx, version: &str) -> Result<Option<Counts>, Error> {
    let Some(row) = tx.query_opt(&LOCK, &[&version]).await? else { return Ok(None) };
    let counted = tx.query_one(&COUNT, &[&version]).await?;
    Ok(Some(Counts { state: row.get(0), stop_after: row.get(1), open: counted.get(1), failed: counted.get(2) }))
}

pub(super) async fn add(tx: &Tx, version: &str, sql: &str, parallel: i32, stop_after: i32) -> Result<(), Error> {
    tx.execute(&ADD, &[&version, &sql, &parallel, &stop_after]).await?;
    tx.execute(&TEMPLATES, &[&version]).await?;
    tx.execute(&PLACES, &[&version]).await.map(drop)
}

/// Adds places that are of another version and were not written down; gives their number.
pub(super) async fn add_places(tx: &Tx, version: &str) -> Result<u64, Error> {
    tx.execute(&PLACES, &[&version]).await
}

pub(super) async fn sql(tx: &Tx, version: &str) -> Result<String, Error> {
    Ok(tx.query_one(&SQL, &[&version]).await?.get(0))
}

pub(super) async fn set_state(tx: &Tx, version: &str, state: &str) -> Result<(), Error> {
    tx.execute(&STATE, &[&version, &state]).await.map(drop)
}

pub(super) async fn is_provisioning(tx: &Tx) -> Result<bool, Error> {
    Ok(tx.query_one(&PROVISIONING, &[]).await?.get(0))
}

pub(super) async fn set_template_version(tx: &Tx, database: Uuid, version: &str) -> Result<(), Error> {
    tx.execute(&TEMPLATE_VERSION, &[&database, &version]).await.map(drop)
}

/// Opens what failed; gives the number of places.
pub(super) async fn again(tx: &Tx, version: &str) -> Result<u64, Error> {
    tx.execute(&AGAIN, &[&version]).await
}

pub(super) async fn give_up(tx: &Tx, version: &str) -> Result<(), Error> {
    tx.execute(&GIVE_UP, &[&version]).await.map(drop)
}

/// A migration, as it is shown.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Migration {
    pub(super) version: String,
    /// `running`, `stopped`, `done` or `abandoned`.
    pub(super) state: String,
    pub(super) parallel: i32,
    pub(super) stop_after: i32,
    pub(super) created_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    /// Tenants' places and templates.
    pub(super) places: i64,
    /// Not yet migrated.
    pub(super) open: i64,
    pub(super) failed: i64,
}

pub(super) async fn migrations(tx: &Tx, version: Option<&str>) -> Result<Vec<Migration>, Error> {
    let rows = tx.query(&MIGRATIONS, &[&version]).await?;
    let shown = rows.iter().map(|r| Migration {
        version: r.get(0),
        state: r.get(1),
        parallel: r.get(2),
        stop_after: r.get(3),
        created_at: r.get(4),
        ended_at: r.get(5),
        places: r.get(6),
        open: r.get(7),
        failed: r.get(8),
    });
    Ok(shown.collect())
}

/// A place that failed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failure {
    /// None for a template.
    tenant_id: Option<TenantId>,
    /// The database of a template.
    database_id: Option<Uuid>,
    failure: String,
    attempts: i32,
    /// It is not tried again.
    ended: bool,
}

pub(super) async fn failures(tx: &Tx, version: &str) -> Result<Vec<Failure>, Error> {
    let rows = tx.query(&FAILURES, &[&version]).await?;
    let shown = rows.iter().map(|r| Failure {
        tenant_id: r.get::<_, Option<Uuid>>(0).map(TenantId),
        database_id: r.get(1),
        failure: r.get(2),
        attempts: r.get(3),
        ended: r.get(4),
    });
    Ok(shown.collect())
}

/// Tenants by version.
pub(super) async fn versions(tx: &Tx) -> Result<Vec<(Option<String>, i64)>, Error> {
    Ok(tx.query(&VERSIONS, &[]).await?.iter().map(|r| (r.get(0), r.get(1))).collect())
}

/// A tenant of the fleet.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    pub(super) tenant_id: TenantId,
    slug: String,
    status: String,
    strategy: Strategy,
    /// Name of the registered database.
    database: String,
    /// None where nobody said.
    application_version: Option<String>,
}

pub(super) async fn fleet(
    tx: &Tx,
    after: Option<Uuid>,
    version: Option<&str>,
    limit: i64,
) -> Result<Vec<Member>, Error> {
    let rows = tx.query(&FLEET, &[&after, &version, &limit]).await?;
    rows.iter()
        .map(|r| {
            Ok(Member {
                tenant_id: TenantId(r.get(0)),
                slug: r.get(1),
                status: r.get(2),
                strategy: Strategy::parse(r.get(3)).ok_or_else(|| Error::bug("read a strategy"))?,
                database: r.get(4),
                application_version: r.get(5),
            })
        })
        .collect()
}
