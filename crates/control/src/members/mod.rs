//! Members: who belongs to a tenant, with what role, and who is invited.
//!
//! A member is a user of `users`: named by issuer and subject, or found by an invitation to an address. A tenant that
//! has an Admin keeps one: changes of a tenant's members wait for each other, so that two Admins cannot remove each
//! other at once. Nobody gives more than he has.

pub(crate) mod http;
pub(crate) mod invitations;
pub(crate) mod store;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ablation::{Protection, removed};
use crate::access::{Granted, Role};
use crate::change::Change;
use crate::error::{Code, Error};
use crate::ids::TenantId;

pub use invitations::Invitation;

/// Members and open invitations of a tenant, at most.
pub const MEMBERS_MAX: i64 = 10_000;

/// A member, as the tenant sees him.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Membership {
    /// The user's id.
    pub user_id: Uuid,
    /// Who says who he is.
    pub issuer: String,
    /// What the issuer calls him.
    pub subject: String,
    /// His address, for people.
    pub email: Option<String>,
    /// His name, for people.
    pub name: Option<String>,
    /// What he may do.
    pub role: String,
    /// `active` or `disabled`.
    pub status: String,
    /// When he last signed in.
    pub last_login_at: Option<Timestamp>,
    #[serde(skip)]
    pub(crate) version: i64,
    /// Since when he belongs.
    pub created_at: Timestamp,
    /// Who let him.
    pub created_by: String,
}

/// A role inside a tenant that whoever asks may give.
fn may_give(granted: &Granted, role: Role) -> Result<(), Error> {
    if role.is_of_platform() {
        return Err(Error::field("role", "a member is Admin, WorkspaceManager, Author or Viewer"));
    }
    if granted.may_give(role) {
        return Ok(());
    }
    Err(Error::new(Code::Forbidden, "this role may do more than you may: nobody gives more than he has"))
}

/// Ends a membership, if there stays an Admin.
pub(crate) async fn leave(change: &Change, tenant: TenantId, user: Uuid) -> Result<(), Error> {
    store::lock_tenant(change.tx(), tenant).await?;
    let member = store::read(change.tx(), tenant, user).await?.ok_or_else(Error::not_found)?;
    keeps_an_admin(change, tenant, user, &member.role, None).await?;
    store::remove(change.tx(), tenant, user).await
}

/// Somebody who was an Admin is one no longer: fails if there is no other. The tenant's members are locked.
async fn keeps_an_admin(
    change: &Change,
    tenant: TenantId,
    user: Uuid,
    was: &str,
    becomes: Option<Role>,
) -> Result<(), Error> {
    let steps_down = was == Role::Admin.as_str() && becomes != Some(Role::Admin);
    if !steps_down || store::has_other_admin(change.tx(), tenant, user).await? || removed(Protection::LastAdmin) {
        return Ok(());
    }
    let detail = "this is the tenant's last Admin who can sign in: make somebody else an Admin first";
    Err(Error::new(Code::LastAdmin, detail))
}
