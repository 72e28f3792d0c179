//! What is known of one tenant: the published part, a plain value.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenantry_model::TenantKey;

/// Highest weight; a higher one counts as this. It bounds how much more than another tenant one tenant may get.
pub const WEIGHT_MAX: u32 = 1000;

/// Whether a tenant may work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TenantState {
    /// It may.
    #[default]
    Active,
    /// Not now: unpaid, under attack, being moved. Its data is kept.
    Suspended,
    /// No more. Nobody learns whether it ever was.
    Deleted,
}

impl TenantState {
    pub(crate) fn to_byte(self) -> u8 {
        match self {
            Self::Active => 0,
            Self::Suspended => 1,
            Self::Deleted => 2,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Active,
            1 => Self::Suspended,
            _ => Self::Deleted,
        }
    }
}

/// How a tenant's data is kept apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// Rows of shared tables.
    #[default]
    Shared,
    /// A schema of its own.
    Schema,
    /// A database of its own.
    Database,
}

impl Isolation {
    /// Whether it is what most tenants have, and need not be written down.
    pub fn is_shared(&self) -> bool {
        *self == Self::Shared
    }
}

/// What a tenant may use: its plan's numbers, with its own where it has any. `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Client connections at once.
    pub connections: Option<u32>,
    /// Statements running at once, hence server connections held at once.
    pub concurrent_statements: Option<u32>,
    /// Waiters in its queue.
    pub queue_length: Option<u32>,
    /// Longest wait in its queue.
    pub queue_wait: Option<Duration>,
    /// Longest statement.
    pub statement_time: Option<Duration>,
    /// Longest transaction.
    pub transaction_time: Option<Duration>,
    /// Longest silence inside a transaction.
    pub idle_in_transaction: Option<Duration>,
    /// HTTP requests in a second, on the average.
    pub requests_per_second: Option<u32>,
    /// HTTP requests at once beyond the average, after a quiet time; as many as in a second where nothing is said.
    pub request_burst: Option<u32>,
    /// HTTP requests under way at once.
    pub concurrent_requests: Option<u32>,
    /// Its share next to others, 1 to [`WEIGHT_MAX`].
    pub weight: u32,
}

impl Limits {
    /// No limits, weight 1.
    pub const NONE: Self = Self {
        connections: None,
        concurrent_statements: None,
        queue_length: None,
        queue_wait: None,
        statement_time: None,
        transaction_time: None,
        idle_in_transaction: None,
        requests_per_second: None,
        request_burst: None,
        concurrent_requests: None,
        weight: 1,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::NONE
    }
}

/// What is published of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantFacts {
    /// What stands in the tenant column.
    pub key: TenantKey,
    /// Its name for people: lower-case letters, digits and `-`.
    pub slug: Option<Arc<str>>,
    /// Whether it may work.
    pub state: TenantState,
    /// How its data is kept apart.
    pub isolation: Isolation,
    /// What it is subscribed to.
    pub plan: Arc<str>,
    /// What it may use.
    pub limits: Limits,
    /// What proves that somebody belongs to it.
    pub credentials: Vec<Credential>,
    /// Host names of its own, each as [`domain::canonical`](super::domain::canonical) writes it.
    pub domains: Vec<Arc<str>>,
}

impl TenantFacts {
    /// An active tenant without slug, plan, limits or credentials.
    pub fn new(key: TenantKey) -> Self {
        Self {
            key,
            slug: None,
            state: TenantState::Active,
            isolation: Isolation::Shared,
            plan: Arc::from(""),
            limits: Limits::NONE,
            credentials: Vec::new(),
            domains: Vec::new(),
        }
    }

    /// The credentials that count at this Unix time in seconds.
    pub fn valid_credentials(&self, now: i64) -> impl Iterator<Item = &Credential> {
        self.credentials.iter().filter(move |c| c.is_valid_at(now))
    }

    /// Whether a credential of this name still counts: to be asked again of sessions that live long.
    pub fn has_credential(&self, id: &str, now: i64) -> bool {
        self.valid_credentials(now).any(|c| &*c.id == id)
    }
}

/// One key of a tenant, as far as the edge needs it to check a password: never the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its public name, for logs and for choosing among several.
    pub id: Box<str>,
    /// `SCRAM-SHA-256$iterations:salt$stored:server`, as PostgreSQL keeps it.
    pub verifier: Box<str>,
    /// Unix time in seconds from which on it is refused; `None` for never.
    pub expires_at: Option<i64>,
}

impl Credential {
    /// Whether it still counts at this Unix time in seconds.
    pub fn is_valid_at(&self, now: i64) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("id", &self.id)
            .field("verifier", &"…")
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_is_never_printed() {
        let mut facts = TenantFacts::new(TenantKey::Integer(1));
        facts.credentials.push(Credential { id: "k1".into(), verifier: "SCRAM-SHA-256$x".into(), expires_at: None });
        let shown = format!("{facts:?}");
        assert!(shown.contains("k1") && !shown.contains("SCRAM"), "{shown}");
    }

    #[test]
    fn a_credential_ends_with_its_second() {
        let key = Credential { id: "k".into(), verifier: "v".into(), expires_at: Some(100) };
        assert!(key.is_valid_at(99) && !key.is_valid_at(100));
        let facts = TenantFacts { credentials: vec![key], ..TenantFacts::new(TenantKey::Integer(1)) };
        assert!(facts.has_credential("k", 99) && !facts.has_credential("k", 100) && !facts.has_credential("K", 99));
    }

    #[test]
    fn states_survive_their_byte() {
        for state in [TenantState::Active, TenantState::Suspended, TenantState::Deleted] {
            assert_eq!(TenantState::from_byte(state.to_byte()), state);
        }
    }
}
