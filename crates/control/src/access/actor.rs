//! Who asks.

use serde_json::{Value, json};
use uuid::Uuid;

use super::permission::Permissions;
use super::role::Role;
use crate::ids::TenantId;

/// How the actor was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// By an API key of this id.
    Key(String),
    /// By a token about this user.
    User(Uuid),
    /// By a token about somebody who is no user here.
    Stranger,
    /// Nobody asks who it is: the control plane runs for one person on his own machine.
    Anonymous,
    /// It is a task of the control plane itself.
    Task(&'static str),
    /// Not at all.
    Nobody,
}

/// Where the actor's permissions hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nowhere, but for memberships.
    Nothing,
    /// In one tenant and those below it.
    Tenant(TenantId, Permissions),
    /// Everywhere.
    Platform(Permissions),
}

/// That a user belongs to a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The tenant.
    pub tenant: TenantId,
    /// Its slug.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// `active`, `suspended` or `deleted`.
    pub status: String,
    /// What the user may do there, and below.
    pub role: Role,
}

/// The tenant that a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// As the token names it.
    pub named: String,
    /// Which of the user's tenants that is.
    pub tenant: Option<TenantId>,
}

/// Consent of a tenant, under which an operator looks inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    /// Its id.
    pub id: Uuid,
    /// Why it was asked for.
    pub reason: String,
}

/// Who asks, and what it is allowed.
#[derive(Clone, Debug)]
pub struct Actor {
    kind: ActorKind,
    reach: Reach,
    members: Vec<Member>,
    claim: Option<Claim>,
    session: Option<[u8; 32]>,
    support: Option<Support>,
}

impl Actor {
    pub(crate) fn new(kind: ActorKind, reach: Reach) -> Self {
        Self { kind, reach, members: Vec::new(), claim: None, session: None, support: None }
    }

    /// A user with his memberships. A token for a tenant is for that tenant alone, whatever else its user may do.
    pub(crate) fn user(id: Uuid, platform: Option<Role>, members: Vec<Member>, claim: Option<Claim>) -> Self {
        let reach = match platform {
            Some(role) if claim.is_none() => Reach::Platform(role.permissions()),
            _ => Reach::Nothing,
        };
        Self { members, claim, ..Self::new(ActorKind::User(id), reach) }
    }

    /// The same, with the sign-in it came by.
    pub(crate) fn in_session(self, digest: [u8; 32]) -> Self {
        Self { session: Some(digest), ..self }
    }

    /// The same, under a tenant's consent.
    pub(crate) fn under(self, support: Support) -> Self {
        Self { support: Some(support), ..self }
    }

    /// A task of the control plane: it may do what an operator may.
    pub(crate) fn task(name: &'static str) -> Self {
        Self::new(ActorKind::Task(name), Reach::Platform(super::Role::Operator.permissions()))
    }

    /// Who was not recognised, for the audit log alone.
    pub(crate) fn nobody() -> Self {
        Self::new(ActorKind::Nobody, Reach::Nothing)
    }

    /// How it was recognised.
    pub fn kind(&self) -> &ActorKind {
        &self.kind
    }

    /// Where its permissions hold.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Where a user belongs.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The tenant that its token is for.
    pub fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    /// The sign-in it came by.
    pub(crate) fn session(&self) -> Option<&[u8; 32]> {
        self.session.as_ref()
    }

    /// The consent it works under.
    pub fn support(&self) -> Option<&Support> {
        self.support.as_ref()
    }

    /// Its name: what idempotency keys belong to, and `created_by`.
    pub fn name(&self) -> String {
        match &self.kind {
            ActorKind::Key(id) => format!("key:{id}"),
            ActorKind::User(id) => format!("user:{id}"),
            ActorKind::Task(name) => format!("task:{name}"),
            ActorKind::Stranger => "stranger".to_owned(),
            ActorKind::Anonymous => "anonymous".to_owned(),
            ActorKind::Nobody => "nobody".to_owned(),
        }
    }

    /// As the audit log has it: no address and no name of a person.
    pub fn to_json(&self) -> Value {
        let mut value = match &self.kind {
            ActorKind::Key(id) => json!({ "type": "apiKey", "id": id }),
            ActorKind::User(id) => json!({ "type": "user", "id": id }),
            ActorKind::Task(name) => json!({ "type": "task", "id": name }),
            ActorKind::Stranger => json!({ "type": "stranger" }),
            ActorKind::Anonymous | ActorKind::Nobody => json!({ "type": "anonymous" }),
        };
        if let Some(support) = &self.support {
            value["support"] = json!({ "id": support.id, "reason": support.reason });
        }
        value
    }
}
