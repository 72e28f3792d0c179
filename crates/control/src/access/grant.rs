//! The decision. A [`Granted`] cannot be made anywhere else.

use super::actor::{Actor, Reach, Support};
use super::permission::{Inner, Permission, Permissions};
use super::role::Role;
use super::store::{self, Stands};
use crate::ablation::{Protection, removed};
use crate::db::{Db, Scope};
use crate::error::{Code, Error};
use crate::ids::TenantId;

/// This actor may do this, here.
#[derive(Clone, Debug)]
pub struct Granted {
    actor: Actor,
    permission: Permission,
    scope: Scope,
    /// All that it may do here.
    permissions: Permissions,
}

impl Granted {
    /// Who.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// What.
    pub fn permission(&self) -> Permission {
        self.permission
    }

    /// The tenant, unless it is for the platform.
    pub fn tenant(&self) -> Option<TenantId> {
        match self.scope {
            Scope::Tenant(tenant) => Some(tenant),
            Scope::Platform => None,
        }
    }

    /// Whether it may give somebody this role here: nobody gives more than he has.
    pub(crate) fn may_give(&self, role: Role) -> bool {
        self.permissions.covers(role.permissions_of_key()) || removed(Protection::GrantedRole)
    }

    pub(crate) fn scope(&self) -> Scope {
        self.scope
    }

    /// The same for the whole platform: for rules that look beyond the tenant, such as whether a slug is free, and
    /// have checked themselves that what they write is the tenant's.
    pub(crate) fn widened(&self) -> Self {
        Self { scope: Scope::Platform, ..self.clone() }
    }
}

/// Allowed for the whole platform?
pub(crate) fn on_platform(actor: &Actor, permission: Permission) -> Result<Granted, Error> {
    match actor.reach() {
        Reach::Platform(permissions) if permissions.has(permission) => {
            Ok(Granted { actor: actor.clone(), permission, scope: Scope::Platform, permissions: *permissions })
        }
        _ if removed(Protection::PermissionCheck) => {
            let permissions = Permissions::default();
            Ok(Granted { actor: actor.clone(), permission, scope: Scope::Platform, permissions })
        }
        _ => Err(denied(permission)),
    }
}

/// Allowed for this tenant? A tenant out of reach is not there.
pub(crate) async fn on_tenant(
    db: &Db,
    actor: &Actor,
    permission: Permission,
    tenant: TenantId,
) -> Result<Granted, Error> {
    let tx = db.read(Scope::Platform, &actor.name()).await?;
    let stands = store::stands(&tx, tenant, &actor.name()).await?;
    tx.commit().await?;
    agrees(actor, tenant, stands.as_ref())?;
    let stands = stands.ok_or_else(Error::not_found)?;
    let (permissions, support) = permissions(actor, permission, &stands)?;
    if !permissions.has(permission) && !removed(Protection::PermissionCheck) {
        return Err(denied(permission));
    }
    let actor = match support {
        Some(support) => actor.clone().under(support),
        None => actor.clone(),
    };
    Ok(Granted { actor, permission, scope: Scope::Tenant(tenant), permissions })
}

/// A token that is for a tenant is for that one and those below it. What it is told depends on its own words alone.
fn agrees(actor: &Actor, tenant: TenantId, stands: Option<&Stands>) -> Result<(), Error> {
    let Some(claim) = actor.claim() else { return Ok(()) };
    let agrees = match claim.tenant {
        Some(claimed) => claimed == tenant || stands.is_some_and(|s| s.path.contains(&claimed)),
        None => claim.named == tenant.to_string(),
    };
    if agrees || removed(Protection::TokenTenant) {
        return Ok(());
    }
    let detail =
        "the token is for another tenant than the path: sign in for this one, or leave the tenant out of the token";
    Err(Error::new(Code::TenantContradiction, detail))
}

/// What the actor may do there, and under whose consent.
fn permissions(
    actor: &Actor,
    permission: Permission,
    stands: &Stands,
) -> Result<(Permissions, Option<Support>), Error> {
    let here: Vec<_> = actor.members().iter().filter(|m| stands.path.contains(&m.tenant)).collect();
    let active = here.iter().filter(|m| m.status == "active").map(|m| m.role.permissions());
    let as_member = active.reduce(Permissions::with);
    match (actor.reach(), as_member) {
        (Reach::Platform(platform), as_member) => {
            let (platform, support) = from_outside(*platform, permission, stands)?;
            let own = as_member.unwrap_or_default();
            // what somebody may do as a member needs nobody's consent
            let support = support.filter(|_| !own.has(permission));
            if platform.has(permission) || own.has(permission) || permission.inner() == Inner::No {
                return Ok((platform.with(own), support));
            }
            Err(consent_needed())
        }
        (Reach::Tenant(own, permissions), None) if stands.path.contains(own) => Ok((*permissions, None)),
        (_, Some(as_member)) => Ok((as_member, None)),
        (_, None) if !here.is_empty() && here.iter().any(|m| m.status == "suspended") => {
            Err(Error::new(Code::TenantSuspended, "the tenant is suspended: ask whoever runs the platform"))
        }
        (Reach::Tenant(_, permissions), None) if removed(Protection::Reach) => Ok((*permissions, None)),
        (Reach::Nothing, None) if removed(Protection::Reach) && !actor.members().is_empty() => {
            Ok((actor.members()[0].role.permissions(), None))
        }
        (Reach::Tenant(..) | Reach::Nothing, None) => Err(Error::not_found()),
    }
}

/// What a role of the platform may do in a tenant: what is inside is the tenant's own, once there is somebody in it who
/// can be asked. With consent it may be looked at, and not changed.
fn from_outside(
    platform: Permissions,
    permission: Permission,
    stands: &Stands,
) -> Result<(Permissions, Option<Support>), Error> {
    if !stands.is_claimed || removed(Protection::SupportConsent) {
        return Ok((platform, None));
    }
    match (permission.inner(), &stands.support) {
        (Inner::No, _) => Ok((platform.without(Inner::Look).without(Inner::Change), None)),
        (Inner::Look, Some(support)) => Ok((platform.without(Inner::Change), Some(support.clone()))),
        (Inner::Look | Inner::Change, _) => Ok((platform.without(Inner::Look).without(Inner::Change), None)),
    }
}

fn consent_needed() -> Error {
    let detail = "what is inside a tenant is its own: ask for support access with a reason, and an Admin of the tenant has to agree; \
                  what is changed inside, they change themselves";
    Error::new(Code::SupportConsentRequired, detail)
}

fn denied(permission: Permission) -> Error {
    let what = permission.as_str();
    Error::new(Code::Forbidden, format!("this needs the permission {what}: ask for a role or key that has it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ablation::REMOVED;

    #[test]
    fn nobody_gives_more_than_he_has() {
        let granted = |role: Role| Granted {
            actor: Actor::nobody(),
            permission: Permission::MemberManage,
            scope: Scope::Platform,
            permissions: role.permissions(),
        };
        for (at, role) in Role::ALL.iter().enumerate() {
            for (below, given) in Role::ALL.iter().enumerate().skip(1) {
                assert_eq!(granted(*role).may_give(*given), at <= below, "{role:?} gives {given:?}");
            }
        }
        let viewer = granted(Role::Viewer);
        assert!(REMOVED.sync_scope(Protection::GrantedRole, || viewer.may_give(Role::Admin)), "nobody misses it");
    }
}
