//! The SQL of registered databases.

use tenantry_pg::tokio_postgres::Row;
use uuid::Uuid;

use super::{Database, Strategy};
use crate::db::{Tx, statements};
use crate::error::Error;

/// The columns of a database `d`, in the order of `database()`.
macro_rules! columns {
    () => {
        "d.id, d.name, d.strategies, d.capacity, d.drained, d.template_schema, d.template_database, d.warm, \
         d.tenants, \
         (SELECT count(*) FROM tenantry_control.warm_database w WHERE w.database_id = d.id AND w.ready), \
         d.version, d.created_at, d.updated_at"
    };
}

statements! {
    LIST: "list the databases" = concat!("SELECT ", columns!(), " FROM tenantry_control.database d ORDER BY d.name");
    READ: "read the database" = concat!("SELECT ", columns!(), " FROM tenantry_control.database d WHERE d.id = $1");
    LOCK: "read the database to change it" =
        concat!("SELECT ", columns!(), " FROM tenantry_control.database d WHERE d.id = $1 FOR UPDATE OF d");
    INSERT: "register the database" = concat!(
        "WITH d AS (INSERT INTO tenantry_control.database
             (id, name, strategies, capacity, drained, template_schema, template_database, warm)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING *)
         SELECT ", columns!(), " FROM d");
    UPDATE: "change the database" = concat!(
        "WITH d AS (UPDATE tenantry_control.database
         SET strategies = $2, capacity = $3, drained = $4, template_schema = $5, template_database = $6, warm = $7,
             version = version + 1, updated_at = now()
         WHERE id = $1 RETURNING *)
         SELECT ", columns!(), " FROM d");
    DELETE: "remove the database" =
        "DELETE FROM tenantry_control.database WHERE id = $1";
    HOLDS: "look for what lives in the database" =
        "SELECT EXISTS (SELECT FROM tenantry_control.placement WHERE database_id = $1)
             OR EXISTS (SELECT FROM tenantry_control.warm_database WHERE database_id = $1)
             OR EXISTS (SELECT FROM tenantry_control.task WHERE database_id = $1 AND ended_at IS NULL)";
    USES: "look for tenants of other strategies" =
        "SELECT EXISTS (SELECT FROM tenantry_control.placement WHERE database_id = $1 AND strategy <> ALL ($2))";
    // the emptiest first; who has no bound is measured by a very large one
    CHOOSE: "look for a database with room" =
        "SELECT d.id FROM tenantry_control.database d
         WHERE NOT d.drained AND $1 = ANY (d.strategies) AND d.name = ANY ($2)
           AND (d.capacity IS NULL OR d.tenants < d.capacity)
         ORDER BY d.tenants::float8 / coalesce(nullif(d.capacity, 0), 1000000000), d.tenants, d.name LIMIT 1";
}

fn database(row: &Row) -> Database {
    Database {
        id: row.get(0),
        name: row.get(1),
        strategies: row.get::<_, Vec<String>>(2).iter().filter_map(|s| Strategy::parse(s)).collect(),
        capacity: row.get(3),
        drained: row.get(4),
        template_schema: row.get(5),
        template_database: row.get(6),
        warm: row.get(7),
        tenants: row.get(8),
        warm_ready: row.get(9),
        connection: None,
        version: row.get(10),
        created_at: row.get(11),
        updated_at: row.get(12),
    }
}

fn words(d: &Database) -> Vec<&'static str> {
    d.strategies.iter().map(|s| s.as_str()).collect()
}

pub(crate) async fn list(tx: &Tx) -> Result<Vec<Database>, Error> {
    Ok(tx.query(&LIST, &[]).await?.iter().map(database).collect())
}

pub(crate) async fn read(tx: &Tx, id: Uuid) -> Result<Option<Database>, Error> {
    Ok(tx.query_opt(&READ, &[&id]).await?.as_ref().map(database))
}

/// Reads a database that this transaction holds until its end.
pub(crate) async fn lock(tx: &Tx, id: Uuid) -> Result<Option<Database>, Error> {
    Ok(tx.query_opt(&LOCK, &[&id]).await?.as_ref().map(database))
}

pub(super) async fn insert(tx: &Tx, d: &Database) -> Result<Database, Error> {
    let strategies = words(d);
    let row = tx
        .query_one(
            &INSERT,
            &[&d.id, &d.name, &strategies, &d.capacity, &d.drained, &d.template_schema, &d.template_database, &d.warm],
        )
        .await?;
    Ok(database(&row))
}

pub(super) async fn update(tx: &Tx, d: &Database) -> Result<Database, Error> {
    let strategies = words(d);
    let row = tx
        .query_one(
            &UPDATE,
            &[&d.id, &strategies, &d.capacity, &d.drained, &d.template_schema, &d.template_database, &d.warm],
        )
        .await?;
    Ok(database(&row))
}

pub(super) async fn delete(tx: &Tx, id: Uuid) -> Result<(), Error> {
    tx.execute(&DELETE, &[&id]).await.map(drop)
}

/// Whether anything lives there, or is about to.
pub(super) async fn holds_something(tx: &Tx, id: Uuid) -> Result<bool, Error> {
    Ok(tx.query_one(&HOLDS, &[&id]).await?.get(0))
}

/// Whether tenants live there of a strategy that it does not take.
pub(super) async fn uses_another(tx: &Tx, d: &Database) -> Result<bool, Error> {
    Ok(tx.query_one(&USES, &[&d.id, &words(d)]).await?.get(0))
}

/// The emptiest database, of these names, that takes another tenant; held until the transaction ends, so that two
/// tenants never get the last place.
pub(crate) async fn choose(tx: &Tx, strategy: Strategy, names: &[String]) -> Result<Option<Database>, Error> {
    loop {
        let Some(row) = tx.query_opt(&CHOOSE, &[&strategy.as_str(), &names]).await? else { return Ok(None) };
        // with the number of those that came while this one waited
        let Some(chosen) = lock(tx, row.get(0)).await? else { continue };
        let has_room = chosen.capacity.is_none_or(|most| chosen.tenants < i64::from(most));
        if has_room && !chosen.drained && chosen.strategies.contains(&strategy) {
            return Ok(Some(chosen));
        }
    }
}
