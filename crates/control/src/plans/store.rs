//! The SQL of plans.

use serde_json::Value;
use tenantry_pg::tokio_postgres::Row;

use super::{Grace, Limits, Plan};
use crate::db::{Tx, statements};
use crate::error::Error;

/// The columns of a plan, in the order of `plan()`.
macro_rules! columns {
    () => {
        "key, name, limits, features, grace_percent, grace_hours, status, version, created_at, updated_at"
    };
}

statements! {
    READ: "read the plan" = concat!(
        "SELECT ", columns!(), ", (SELECT count(*) FROM tenantry_control.tenant t WHERE t.plan = p.key)
         FROM tenantry_control.plan p WHERE key = $1");
    LIST: "list the plans" = concat!(
        "SELECT ", columns!(), ", (SELECT count(*) FROM tenantry_control.tenant t WHERE t.plan = p.key)
         FROM tenantry_control.plan p ORDER BY key");
    // whoever subscribes to it takes FOR KEY SHARE, which waits for this
    LOCK: "read the plan to change it" = "SELECT FROM tenantry_control.plan WHERE key = $1 FOR UPDATE";
    STATUS: "look whether the plan can be had" = "SELECT status FROM tenantry_control.plan WHERE key = $1 FOR SHARE";
    INSERT: "make the plan" =
        "INSERT INTO tenantry_control.plan (key, name, limits, features, grace_percent, grace_hours)
         VALUES ($1, $2, $3, $4, $5, $6)";
    UPDATE: "change the plan" =
        "UPDATE tenantry_control.plan
         SET name = $2, limits = $3, features = $4, grace_percent = $5, grace_hours = $6, status = $7,
             version = version + 1, updated_at = now()
         WHERE key = $1";
    DELETE: "delete the plan" = "DELETE FROM tenantry_control.plan WHERE key = $1";
}

fn plan(row: &Row) -> Result<Plan, Error> {
    let limits: Limits = serde_json::from_value(row.get::<_, Value>(2))
        .map_err(|e| Error::bug("read the limits of a plan").because(e))?;
    let grace = row.get::<_, Option<i16>>(4).zip(row.get::<_, Option<i32>>(5));
    Ok(Plan {
        key: row.get(0),
        name: row.get(1),
        limits,
        features: row.get::<_, Vec<String>>(3).into_iter().collect(),
        grace: grace.map(|(percent, hours)| Grace { percent, hours }),
        status: row.get(6),
        version: row.get(7),
        created_at: row.get(8),
        updated_at: row.get(9),
        tenants: row.get(10),
    })
}

pub(crate) async fn read(tx: &Tx, key: &str) -> Result<Option<Plan>, Error> {
    tx.query_opt(&READ, &[&key]).await?.as_ref().map(plan).transpose()
}

pub(super) async fn list(tx: &Tx) -> Result<Vec<Plan>, Error> {
    tx.query(&LIST, &[]).await?.iter().map(plan).collect()
}

/// Reads a plan that nobody else changes or subscribes to until this transaction ends.
pub(super) async fn lock(tx: &Tx, key: &str) -> Result<Plan, Error> {
    tx.query_opt(&LOCK, &[&key]).await?.ok_or_else(Error::not_found)?;
    read(tx, key).await?.ok_or_else(Error::not_found)
}

/// The state of a plan, which stays so until this transaction ends.
pub(crate) async fn status(tx: &Tx, key: &str) -> Result<Option<String>, Error> {
    Ok(tx.query_opt(&STATUS, &[&key]).await?.map(|r| r.get(0)))
}

pub(super) async fn insert(tx: &Tx, p: &Plan) -> Result<(), Error> {
    let (limits, features) = columns(p)?;
    let (percent, hours) = (p.grace.map(|g| g.percent), p.grace.map(|g| g.hours));
    tx.execute(&INSERT, &[&p.key, &p.name, &limits, &features, &percent, &hours]).await.map(drop)
}

pub(super) async fn update(tx: &Tx, p: &Plan) -> Result<(), Error> {
    let (limits, features) = columns(p)?;
    let (percent, hours) = (p.grace.map(|g| g.percent), p.grace.map(|g| g.hours));
    tx.execute(&UPDATE, &[&p.key, &p.name, &limits, &features, &percent, &hours, &p.status]).await.map(drop)
}

pub(super) async fn delete(tx: &Tx, key: &str) -> Result<(), Error> {
    tx.execute(&DELETE, &[&key]).await.map(drop)
}

fn columns(p: &Plan) -> Result<(Value, Vec<&str>), Error> {
    let limits = serde_json::to_value(&p.limits).map_err(|e| Error::bug("write the limits of a plan").because(e))?;
    Ok((limits, p.features.iter().map(String::as_str).collect()))
}
