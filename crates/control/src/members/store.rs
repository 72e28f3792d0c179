//! The SQL of members and invitations.

use jiff::Timestamp;
use tenantry_pg::tokio_postgres::Row;
use uuid::Uuid;

use super::Membership;
use super::invitations::Invitation;
use crate::access::Role;
use crate::db::{Tx, statements};
use crate::error::Error;
use crate::ids::TenantId;

/// A member with his user, in the order of `member()`.
macro_rules! member {
    () => {
        "SELECT m.user_id, u.issuer, u.subject, u.email, u.name, m.role, u.status, u.last_login_at, m.version,
                m.created_at, m.created_by
         FROM tenantry_control.membership m JOIN tenantry_control.users u ON u.id = m.user_id"
    };
}

/// The columns of an invitation, in the order of `invitation()`.
macro_rules! invitation {
    () => {
        "id, issuer, email, role, expires_at, created_at, created_by"
    };
}

statements! {
    LOCK: "wait for others who change members" =
        "SELECT id FROM tenantry_control.tenant WHERE id = $1 FOR UPDATE";
    LIST: "list the members" = concat!(member!(),
        " WHERE m.tenant_id = $1 AND ($2::uuid IS NULL OR m.user_id > $2) ORDER BY m.user_id LIMIT $3");
    READ: "read the member" = concat!(member!(), " WHERE m.tenant_id = $1 AND m.user_id = $2");
    COUNT: "count the members" =
        "SELECT (SELECT count(*) FROM tenantry_control.membership WHERE tenant_id = $1)
              + (SELECT count(*) FROM tenantry_control.invitation
                 WHERE tenant_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL)";
    INSERT: "let the user belong" =
        "INSERT INTO tenantry_control.membership (tenant_id, user_id, role, created_by) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id, user_id) DO NOTHING";
    ROLE: "change the member's role" =
        "UPDATE tenantry_control.membership SET role = $3, version = version + 1 WHERE tenant_id = $1 AND user_id = $2";
    REMOVE: "end the membership" =
        "DELETE FROM tenantry_control.membership WHERE tenant_id = $1 AND user_id = $2";
    OTHER: "look for another Admin" =
        "SELECT EXISTS (SELECT FROM tenantry_control.membership m JOIN tenantry_control.users u ON u.id = m.user_id
                        WHERE m.tenant_id = $1 AND m.user_id <> $2 AND m.role = 'Admin' AND u.status = 'active')";
    INVITATIONS: "list the invitations" = concat!(
        "SELECT ", invitation!(), " FROM tenantry_control.invitation
         WHERE tenant_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > now()
         ORDER BY id LIMIT 1000");
    LAPSE: "forget an invitation that is over" =
        "UPDATE tenantry_control.invitation SET revoked_at = now()
         WHERE tenant_id = $1 AND issuer = $2 AND email = $3 AND accepted_at IS NULL AND revoked_at IS NULL
           AND expires_at <= now()";
    INVITE: "make the invitation" = concat!(
        "INSERT INTO tenantry_control.invitation (id, tenant_id, issuer, email, role, expires_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING ", invitation!());
    WITHDRAW: "take the invitation back" =
        "UPDATE tenantry_control.invitation SET revoked_at = now()
         WHERE tenant_id = $1 AND id = $2 AND accepted_at IS NULL AND revoked_at IS NULL";
}

fn member(row: &Row) -> Membership {
    Membership {
        user_id: row.get(0),
        issuer: row.get(1),
        subject: row.get(2),
        email: row.get(3),
        name: row.get(4),
        role: row.get(5),
        status: row.get(6),
        last_login_at: row.get(7),
        version: row.get(8),
        created_at: row.get(9),
        created_by: row.get(10),
    }
}

fn invitation(row: &Row) -> Invitation {
    Invitation {
        id: row.get(0),
        issuer: row.get(1),
        email: row.get(2),
        role: row.get(3),
        expires_at: row.get(4),
        created_at: row.get(5),
        created_by: row.get(6),
    }
}

/// Others who change this tenant's members wait until this transaction ends.
pub(super) async fn lock_tenant(tx: &Tx, tenant: TenantId) -> Result<(), Error> {
    tx.query_opt(&LOCK, &[&tenant.0]).await.map(drop)
}

pub(super) async fn list(tx: &Tx, tenant: TenantId, after: Option<Uuid>, limit: i64) -> Result<Vec<Membership>, Error> {
    Ok(tx.query(&LIST, &[&tenant.0, &after, &limit]).await?.iter().map(member).collect())
}

pub(super) async fn read(tx: &Tx, tenant: TenantId, user: Uuid) -> Result<Option<Membership>, Error> {
    Ok(tx.query_opt(&READ, &[&tenant.0, &user]).await?.as_ref().map(member))
}

pub(super) async fn count(tx: &Tx, tenant: TenantId) -> Result<i64, Error> {
    Ok(tx.query_one(&COUNT, &[&tenant.0]).await?.get(0))
}

/// Whether the user belongs now who did not.
pub(super) async fn insert(tx: &Tx, tenant: TenantId, user: Uuid, role: Role, by: &str) -> Result<bool, Error> {
    Ok(tx.execute(&INSERT, &[&tenant.0, &user, &role.as_str(), &by]).await? == 1)
}

pub(super) async fn set_role(tx: &Tx, tenant: TenantId, user: Uuid, role: Role) -> Result<(), Error> {
    tx.execute(&ROLE, &[&tenant.0, &user, &role.as_str()]).await.map(drop)
}

pub(super) async fn remove(tx: &Tx, tenant: TenantId, user: Uuid) -> Result<(), Error> {
    tx.execute(&REMOVE, &[&tenant.0, &user]).await.map(drop)
}

pub(super) async fn has_other_admin(tx: &Tx, tenant: TenantId, user: Uuid) -> Result<bool, Error> {
    Ok(tx.query_one(&OTHER, &[&tenant.0, &user]).await?.get(0))
}

pub(super) async fn invitations(tx: &Tx, tenant: TenantId) -> Result<Vec<Invitation>, Error> {
    Ok(tx.query(&INVITATIONS, &[&tenant.0]).await?.iter().map(invitation).collect())
}

/// An invitation to make.
pub(super) struct Wanted<'a> {
    pub(super) tenant: TenantId,
    pub(super) issuer: &'a str,
    pub(super) email: &'a str,
    pub(super) role: Role,
    pub(super) expires_at: Timestamp,
    pub(super) by: &'a str,
}

pub(super) async fn invite(tx: &Tx, w: &Wanted<'_>) -> Result<Invitation, Error> {
    tx.execute(&LAPSE, &[&w.tenant.0, &w.issuer, &w.email]).await?;
    let (id, role) = (Uuid::now_v7(), w.role.as_str());
    let row = tx.query_one(&INVITE, &[&id, &w.tenant.0, &w.issuer, &w.email, &role, &w.expires_at, &w.by]).await?;
    Ok(invitation(&row))
}

pub(super) async fn withdraw(tx: &Tx, tenant: TenantId, id: Uuid) -> Result<bool, Error> {
    Ok(tx.execute(&WITHDRAW, &[&tenant.0, &id]).await? == 1)
}
