//! The SQL of signing in.

use jiff::Timestamp;
use uuid::Uuid;

use crate::access::{Member, Role};
use crate::db::{Tx, statements};
use crate::error::Error;
use crate::ids::TenantId;

statements! {
    TENANT: "look for the only tenant" =
        "SELECT id FROM tenantry_control.tenant WHERE slug = $1 AND status <> 'deleted'";
    USER: "look for the user" =
        "SELECT u.id, u.status = 'active', u.platform_role, s.digest IS NOT NULL, s.ended_at IS NOT NULL
         FROM tenantry_control.users u
         LEFT JOIN tenantry_control.session s ON s.digest = $3 AND s.user_id = u.id
         WHERE u.issuer = $1 AND u.subject = $2";
    MEMBER: "look where the user belongs" =
        "SELECT m.tenant_id, t.slug, t.name, t.status, m.role
         FROM tenantry_control.membership m JOIN tenantry_control.tenant t ON t.id = m.tenant_id
         WHERE m.user_id = $1 AND t.status IN ('active', 'suspended') ORDER BY m.tenant_id";
    INVITED: "look for invitations" =
        "SELECT i.id, i.tenant_id, i.role FROM tenantry_control.invitation i
         JOIN tenantry_control.tenant t ON t.id = i.tenant_id
         WHERE i.issuer = $1 AND i.email = $2 AND i.accepted_at IS NULL AND i.revoked_at IS NULL
           AND i.expires_at > now() AND t.status IN ('active', 'suspended')
         ORDER BY i.id FOR UPDATE OF i";
    ACCEPT: "take the invitation" =
        "UPDATE tenantry_control.invitation SET accepted_at = now() WHERE id = $1";
    JOIN: "let the user belong" =
        "INSERT INTO tenantry_control.membership (tenant_id, user_id, role, created_by) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id, user_id) DO NOTHING";
    OVER: "forget old sign-ins" =
        "DELETE FROM tenantry_control.session WHERE user_id = $1 AND expires_at < now() - interval '1 hour'";
    BEGIN: "note the sign-in" =
        "INSERT INTO tenantry_control.session (digest, user_id, expires_at) VALUES ($1, $2, $3)
         ON CONFLICT (digest) DO NOTHING";
    LOGIN: "note when the user came" =
        "UPDATE tenantry_control.users SET last_login_at = now() WHERE id = $1";
    END: "end the sign-in" =
        "UPDATE tenantry_control.session SET ended_at = now() WHERE digest = $1 AND ended_at IS NULL";
}

pub(super) async fn tenant_of_slug(tx: &Tx, slug: &str) -> Result<Option<TenantId>, Error> {
    Ok(tx.query_opt(&TENANT, &[&slug]).await?.map(|r| TenantId(r.get(0))))
}

/// What is known of somebody who shows a token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) id: Uuid,
    pub(super) is_active: bool,
    pub(super) platform: Option<Role>,
    /// The sign-in was seen before.
    pub(super) was_seen: bool,
    /// It was ended.
    pub(super) is_ended: bool,
}

pub(super) async fn user(tx: &Tx, issuer: &str, subject: &str, digest: &[u8]) -> Result<Option<Known>, Error> {
    Ok(tx.query_opt(&USER, &[&issuer, &subject, &digest]).await?.map(|r| Known {
        id: r.get(0),
        is_active: r.get(1),
        platform: r.get::<_, Option<&str>>(2).and_then(Role::parse),
        was_seen: r.get(3),
        is_ended: r.get(4),
    }))
}

pub(super) async fn members(tx: &Tx, user: Uuid) -> Result<Vec<Member>, Error> {
    let rows = tx.query(&MEMBER, &[&user]).await?;
    let member = |r: &tenantry_pg::tokio_postgres::Row| {
        let role = Role::parse(r.get(4)).ok_or_else(|| Error::bug("read the role of a member"))?;
        Ok(Member { tenant: TenantId(r.get(0)), slug: r.get(1), name: r.get(2), status: r.get(3), role })
    };
    rows.iter().map(member).collect()
}

/// An invitation that is open.
pub(super) struct Invited {
    pub(super) id: Uuid,
    pub(super) tenant: TenantId,
    pub(super) role: Role,
}

/// Open invitations for an address at an issuer; in a transaction that reads alone they are not locked.
pub(super) async fn invited(tx: &Tx, issuer: &str, email: &str) -> Result<Vec<Invited>, Error> {
    let rows = tx.query(&INVITED, &[&issuer, &email]).await?;
    let invited = |r: &tenantry_pg::tokio_postgres::Row| {
        let role = Role::parse(r.get(2)).ok_or_else(|| Error::bug("read the role of an invitation"))?;
        Ok(Invited { id: r.get(0), tenant: TenantId(r.get(1)), role })
    };
    rows.iter().map(invited).collect()
}

/// Takes an invitation; whether the user belongs by it, and not already.
pub(super) async fn accept(tx: &Tx, invited: &Invited, user: Uuid) -> Result<bool, Error> {
    tx.execute(&ACCEPT, &[&invited.id]).await?;
    let by = format!("invitation:{}", invited.id);
    Ok(tx.execute(&JOIN, &[&invited.tenant.0, &user, &invited.role.as_str(), &by]).await? == 1)
}

/// Notes a sign-in; whether it is a new one.
pub(super) async fn begin(tx: &Tx, digest: &[u8], user: Uuid, expires_at: Timestamp) -> Result<bool, Error> {
    tx.execute(&OVER, &[&user]).await?;
    let is_new = tx.execute(&BEGIN, &[&digest, &user, &expires_at]).await? == 1;
    if is_new {
        tx.execute(&LOGIN, &[&user]).await?;
    }
    Ok(is_new)
}

/// Ends a sign-in; whether it was there and not ended.
pub(super) async fn end(tx: &Tx, digest: &[u8]) -> Result<bool, Error> {
    Ok(tx.execute(&END, &[&digest]).await? == 1)
}
