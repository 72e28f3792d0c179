//! The decision. A [`Granted`] cannot be made anywhere else.

use super::actor::{Actor, Reach};
use super::permission::Permission;
use super::store;
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
        Reach::Platform(permissions) if permissions.has(permission) || removed(Protection::PermissionCheck) => {
            Ok(Granted { actor: actor.clone(), permission, scope: Scope::Platform })
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
    let path = store::path(&tx, tenant).await?;
    tx.commit().await?;
    let path = path.ok_or_else(Error::not_found)?;
    let permissions = match actor.reach() {
        Reach::Platform(permissions) => *permissions,
        Reach::Tenant(own, permissions) if path.contains(own) => *permissions,
        Reach::Tenant(_, permissions) if removed(Protection::Reach) => *permissions,
        Reach::Tenant(..) | Reach::Nothing => return Err(Error::not_found()),
    };
    if !permissions.has(permission) && !removed(Protection::PermissionCheck) {
        return Err(denied(permission));
    }
    Ok(Granted { actor: actor.clone(), permission, scope: Scope::Tenant(tenant) })
}

fn denied(permission: Permission) -> Error {
    let what = permission.as_str();
    Error::new(Code::Forbidden, format!("this needs the permission {what}: ask for a role or key that has it"))
}
