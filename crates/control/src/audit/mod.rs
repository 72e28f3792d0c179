//! The record of what was done, and of what was refused. An entry is written in the transaction of the change it is
//! about, so that there is neither a change without an entry nor an entry without its change.
//!
//! [`record`] is the only writer. Entries are never changed or deleted: the API's roles have no right to.

pub(crate) mod http;
pub(crate) mod retention;
pub(crate) mod sink;

pub use http::Shown;
use serde_json::{Value, json};
pub use sink::Unsent;
use uuid::Uuid;

use crate::access::Actor;
use crate::db::{Tx, statements};
use crate::error::Error;
use crate::ids::TenantId;
use crate::outbox::{self, Event};

statements! {
    INSERT: "write the audit entry" =
        "INSERT INTO tenantry_control.audit_entry
             (id, action, severity, actor, tenant_id, targets, context, outcome, metadata)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Daily business.
    Low,
    /// Worth a look.
    Medium,
    /// Somebody should look.
    High,
    /// Somebody must look now.
    Critical,
}

impl Severity {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It could not be done.
    Failure,
    /// It was refused.
    Denied,
}

impl Outcome {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Denied => "DENIED",
        }
    }
}

/// What is written. Never a secret, a body or a row's value that is somebody's personal matter.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `TENANT_CREATED` and its kin; docs/reference/control.md lists them.
    pub action: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// Whose matter it is.
    pub tenant: Option<TenantId>,
    /// What it was done to: `{type, id}`.
    pub targets: Vec<Value>,
    /// What came of it.
    pub outcome: Outcome,
    /// More, by action.
    pub metadata: Value,
}

impl Entry {
    /// Something that was done.
    pub fn done(action: &'static str, severity: Severity, tenant: Option<TenantId>) -> Self {
        Self { action, severity, tenant, targets: Vec::new(), outcome: Outcome::Success, metadata: json!({}) }
    }

    /// The same, to this.
    pub fn to(mut self, kind: &str, id: impl ToString) -> Self {
        self.targets.push(json!({ "type": kind, "id": id.to_string() }));
        self
    }

    /// The same, with more.
    pub fn with(mut self, metadata: Value) -> Self {
        self.metadata = metadata;
        self
    }
}

/// Where it came from.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The request's id.
    pub request_id: Option<String>,
    /// The client's address.
    pub ip_address: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
}

impl Context {
    fn to_json(&self) -> Value {
        json!({ "requestId": self.request_id, "ipAddress": self.ip_address, "userAgent": self.user_agent })
    }
}

/// Writes an entry into the transaction, and gives its id.
pub(crate) async fn record(tx: &mut Tx, actor: &Actor, context: &Context, entry: Entry) -> Result<Uuid, Error> {
    let id = Uuid::now_v7();
    let tenant = entry.tenant.map(|t| t.0);
    let (actor, targets, context) = (actor.to_json(), Value::Array(entry.targets), context.to_json());
    let (severity, outcome) = (entry.severity.as_str(), entry.outcome.as_str());
    tx.execute(
        &INSERT,
        &[&id, &entry.action, &severity, &actor, &tenant, &targets, &context, &outcome, &entry.metadata],
    )
    .await?;
    if entry.severity == Severity::Critical {
        // in the same transaction: told if and only if it happened
        let data = json!({ "id": id, "action": entry.action, "outcome": outcome, "actor": actor, "targets": targets });
        let subject = Some(id.to_string());
        let event = Event { kind: "tenantry.audit.critical", subject, tenant: entry.tenant, data };
        outbox::emit(tx, event, false).await?;
    }
    Ok(id)
}
