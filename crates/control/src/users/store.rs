//! The SQL of users.

use tenantry_pg::tokio_postgres::Row;
use uuid::Uuid;

use super::User;
use crate::db::{Tx, statements};
use crate::error::Error;
use crate::ids::TenantId;

/// The columns of a user, in the order of `user()`.
macro_rules! columns {
    () => {
        "id, issuer, subject, email, name, platform_role, status, last_login_at, version, created_at, updated_at, created_by"
    };
}

statements! {
    FIND: "look for the user" =
        "SELECT id FROM tenantry_control.users WHERE issuer = $1 AND subject = $2";
    MAKE: "make the user" =
        "INSERT INTO tenantry_control.users (id, issuer, subject, created_by) VALUES ($1, $2, $3, $4)
         ON CONFLICT (issuer, subject) DO NOTHING";
    DESCRIBE: "describe the user" =
        "UPDATE tenantry_control.users SET email = coalesce(email, $2), name = coalesce(name, $3) WHERE id = $1";
    INSERT: "make the user" = concat!(
        "INSERT INTO tenantry_control.users (id, issuer, subject, email, name, platform_role, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING ", columns!());
    READ: "read the user" = concat!("SELECT ", columns!(), " FROM tenantry_control.users WHERE id = $1");
    LOCK: "read the user to change him" =
        concat!("SELECT ", columns!(), " FROM tenantry_control.users WHERE id = $1 FOR UPDATE");
    LIST: "list the users" = concat!(
        "SELECT ", columns!(), " FROM tenantry_control.users
         WHERE ($1::uuid IS NULL OR id > $1) AND ($2::text IS NULL OR issuer = $2)
           AND ($3::text IS NULL OR lower(email) = $3) AND ($4::text IS NULL OR status = $4)
         ORDER BY id LIMIT $5");
    UPDATE: "change the user" = concat!(
        "UPDATE tenantry_control.users
         SET email = $2, name = $3, platform_role = $4, status = $5, version = version + 1, updated_at = now()
         WHERE id = $1 RETURNING ", columns!());
    TENANTS: "look where the user belongs" =
        "SELECT tenant_id FROM tenantry_control.membership WHERE user_id = $1 ORDER BY tenant_id";
    LEAVE: "end the memberships" =
        "DELETE FROM tenantry_control.membership WHERE user_id = $1";
    REMOVE: "remove the user" =
        "DELETE FROM tenantry_control.users WHERE id = $1";
}

fn user(row: &Row) -> User {
    User {
        id: row.get(0),
        issuer: row.get(1),
        subject: row.get(2),
        email: row.get(3),
        name: row.get(4),
        platform_role: row.get(5),
        status: row.get(6),
        last_login_at: row.get(7),
        version: row.get(8),
        created_at: row.get(9),
        updated_at: row.get(10),
        created_by: row.get(11),
    }
}

/// The user of this subject, made if there is none; two who make it at once get the same.
pub(crate) async fn find_or_make(tx: &Tx, issuer: &str, subject: &str, by: &str) -> Result<Uuid, Error> {
    tx.execute(&MAKE, &[&Uuid::now_v7(), &issuer, &subject, &by]).await?;
    Ok(tx.query_one(&FIND, &[&issuer, &subject]).await?.get(0))
}

/// Notes address and name where there are none.
pub(crate) async fn describe(tx: &Tx, id: Uuid, email: Option<&str>, name: Option<String>) -> Result<(), Error> {
    tx.execute(&DESCRIBE, &[&id, &email, &name]).await.map(drop)
}

pub(super) async fn insert(tx: &Tx, u: &User) -> Result<User, Error> {
    let params: [&(dyn tenantry_pg::tokio_postgres::types::ToSql + Sync); 7] =
        [&u.id, &u.issuer, &u.subject, &u.email, &u.name, &u.platform_role, &u.created_by];
    Ok(user(&tx.query_one(&INSERT, &params).await?))
}

pub(crate) async fn read(tx: &Tx, id: Uuid) -> Result<Option<User>, Error> {
    Ok(tx.query_opt(&READ, &[&id]).await?.as_ref().map(user))
}

pub(super) async fn lock(tx: &Tx, id: Uuid) -> Result<User, Error> {
    tx.query_opt(&LOCK, &[&id]).await?.as_ref().map(user).ok_or_else(Error::not_found)
}

/// What a list is cut down to.
pub(super) struct Wanted<'a> {
    pub(super) after: Option<Uuid>,
    pub(super) issuer: Option<&'a str>,
    pub(super) email: Option<&'a str>,
    pub(super) status: Option<&'a str>,
    pub(super) limit: i64,
}

pub(super) async fn list(tx: &Tx, w: &Wanted<'_>) -> Result<Vec<User>, Error> {
    let rows = tx.query(&LIST, &[&w.after, &w.issuer, &w.email, &w.status, &w.limit]).await?;
    Ok(rows.iter().map(user).collect())
}

pub(super) async fn update(tx: &Tx, u: &User) -> Result<User, Error> {
    Ok(user(&tx.query_one(&UPDATE, &[&u.id, &u.email, &u.name, &u.platform_role, &u.status]).await?))
}

pub(super) async fn tenants(tx: &Tx, id: Uuid) -> Result<Vec<TenantId>, Error> {
    Ok(tx.query(&TENANTS, &[&id]).await?.iter().map(|r| TenantId(r.get(0))).collect())
}

/// Removes the user with his memberships.
pub(super) async fn remove(tx: &Tx, id: Uuid) -> Result<(), Error> {
    tx.execute(&LEAVE, &[&id]).await?;
    tx.execute(&REMOVE, &[&id]).await.map(drop)
}
