//! Who asks.

use serde_json::{Value, json};

use super::permission::Permissions;
use crate::ids::TenantId;

/// How the actor was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// By an API key of this id.
    Key(String),
    /// It is a task of the control plane itself.
    Task(&'static str),
    /// Not at all.
    Nobody,
}

/// Where the actor's permissions hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nowhere.
    Nothing,
    /// In one tenant and those below it.
    Tenant(TenantId, Permissions),
    /// Everywhere.
    Platform(Permissions),
}

/// Who asks, and what it is allowed.
#[derive(Clone, Debug)]
pub struct Actor {
    kind: ActorKind,
    reach: Reach,
}

impl Actor {
    pub(crate) fn new(kind: ActorKind, reach: Reach) -> Self {
        Self { kind, reach }
    }

    /// A task of the control plane: it may do what an operator may.
    pub(crate) fn task(name: &'static str) -> Self {
        Self::new(ActorKind::Task(name), Reach::Platform(super::Role::Operator.permissions()))
    }

    /// Who was not recognised, for the audit log alone.
    pub(crate) fn nobody() -> Self {
        Self::new(ActorKind::Nobody, Reach::Nothing)
    }

    /// Where its permissions hold.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Where it belongs, for the platform's audit log.
    pub(crate) fn reach_name(&self) -> String {
        match &self.reach {
            Reach::Tenant(tenant, _) => tenant.to_string(),
            Reach::Platform(_) => "platform".to_owned(),
            Reach::Nothing => "nowhere".to_owned(),
        }
    }

    /// Its name: what idempotency keys belong to, and `created_by`.
    pub fn name(&self) -> String {
        match &self.kind {
            ActorKind::Key(id) => format!("key:{id}"),
            ActorKind::Task(name) => format!("task:{name}"),
            ActorKind::Nobody => "nobody".to_owned(),
        }
    }

    /// As the audit log has it.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            ActorKind::Key(id) => json!({ "type": "apiKey", "id": id }),
            ActorKind::Task(name) => json!({ "type": "task", "id": name }),
            ActorKind::Nobody => json!({ "type": "anonymous" }),
        }
    }
}
