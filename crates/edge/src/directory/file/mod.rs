//! The directory as a text, JSON or TOML: tenants, what they are subscribed to, what proves who belongs to them.
//!
//! Who writes it (a person, the control plane) and who reads it (gateway, proxy) agree on this form alone. A file
//! that cannot be understood whole is refused whole: half a list would shut out the other half. The binary opens
//! files; here is only their text. Passwords do not stand in it, verifiers do: keep it as safe as a `pg_authid`.

mod bound;
mod parse;
mod resolve;
mod schema;
mod verifier;

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenantry_model::{Class, KeyKind};

use super::facts::{Isolation, TenantState};
use super::snapshot::SnapshotError;

pub use bound::Bound;
pub use resolve::{NAME_BYTES_MAX, TIME_MS_MAX};
pub use schema::json_schema;
pub use verifier::is_scram_verifier;

/// Version of the file's format.
pub const FORMAT: u32 = 1;

/// A directory file that cannot be used. The message names the entry and what to do, and no verifier.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Neither JSON nor TOML, or a key or value the format does not know.
    #[error("the directory file cannot be read{}: {message}", place(.line, .entry))]
    Text {
        /// The line, counted from 1, if known.
        line: Option<usize>,
        /// The entry, if known.
        entry: Option<String>,
        /// What is wrong.
        message: String,
    },
    /// Written for another version of the format.
    #[error(
        "the directory file has format {found} and this tenantry reads format {FORMAT}: write `format` as {FORMAT}, or use the tenantry it was written for"
    )]
    Format {
        /// What the file says.
        found: u32,
    },
    /// A value that can be read and means nothing.
    #[error("the directory file, {entry}: {message}")]
    Value {
        /// The entry.
        entry: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// An entry that cannot stand beside the others.
    #[error("the directory file, {entry}, cannot be published")]
    Entry {
        /// The entry.
        entry: String,
        /// Why.
        #[source]
        source: SnapshotError,
    },
    /// The text could not be written.
    #[error("the directory cannot be written as text: {message}")]
    Write {
        /// What the writer said.
        message: String,
    },
}

fn place(line: &Option<usize>, entry: &Option<String>) -> String {
    let line = line.map(|line| format!(" at line {line}")).unwrap_or_default();
    entry.as_ref().map_or(line.clone(), |entry| format!("{line}, {entry}"))
}

impl FileError {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Write { .. } => Class::Bug,
            _ => Class::Caller,
        }
    }
}

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DirectoryFile {
    /// Version of the file's format: 1.
    pub format: u32,
    /// Type of the tenant column.
    #[serde(default = "uuid")]
    #[schemars(schema_with = "schema::key_kind")]
    pub key_kind: KeyKind,
    /// What tenants can be subscribed to, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "parse::unique_plans")]
    pub plans: BTreeMap<String, PlanEntry>,
    /// The tenants.
    #[serde(default)]
    pub tenants: Vec<TenantEntry>,
}

/// What a plan allows. What is left out has no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct PlanEntry {
    /// Client connections at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<Bound>,
    /// Statements running at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent_statements: Option<Bound>,
    /// Waiters in the tenant's queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_length: Option<Bound>,
    /// Longest wait in the queue, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_wait_ms: Option<Bound>,
    /// Longest statement, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement_time_ms: Option<Bound>,
    /// Longest transaction, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_time_ms: Option<Bound>,
    /// Longest silence inside a transaction, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_in_transaction_ms: Option<Bound>,
    /// HTTP requests in a second, on the average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<Bound>,
    /// HTTP requests at once beyond the average, after a quiet time; as many as in a second if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_burst: Option<Bound>,
    /// HTTP requests under way at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent_requests: Option<Bound>,
    /// Share next to other tenants, 1 to 1000; 1 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}

/// One tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TenantEntry {
    /// What stands in the tenant column; integers may be written as numbers.
    #[serde(deserialize_with = "parse::key_text")]
    #[schemars(schema_with = "schema::key_text")]
    pub key: String,
    /// Its name in logins and host names: lower-case letters, digits and `-`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// The plan it is subscribed to. Without one only its own limits hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Whether it may work; `active` if left out.
    #[serde(default)]
    pub state: TenantState,
    /// How its data is kept apart; `shared` if left out. The proxy serves no others.
    #[serde(default, skip_serializing_if = "Isolation::is_shared")]
    pub isolation: Isolation,
    /// Its share next to other tenants instead of its plan's, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Limits of its own instead of its plan's.
    #[serde(default, skip_serializing_if = "LimitEntry::is_empty")]
    pub limits: LimitEntry,
    /// What proves that somebody belongs to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<CredentialEntry>,
    /// Host names of its own: lower case, no dot at the end, other scripts as `xn--…`. No two tenants share one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
    /// Host names that it says are its own, and how that was proven. `tenantry domains` writes these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domain_claims: Vec<DomainClaim>,
}

/// A tenant's word that a host name is its own. It counts once it stands in `domains` too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DomainClaim {
    /// The host name, as in `domains`.
    pub domain: String,
    /// What has to stand in the name system for it: made for this one claim.
    pub token: String,
    /// When it was said, like 2027-01-31T12:00:00Z.
    pub claimed_at: String,
    /// When it was seen in the name system. Left out: not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven_at: Option<String>,
}

/// A tenant's own limits. What is left out is as its plan says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct LimitEntry {
    /// Client connections at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<Bound>,
    /// Statements running at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent_statements: Option<Bound>,
    /// Waiters in the tenant's queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_length: Option<Bound>,
    /// Longest wait in the queue, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_wait_ms: Option<Bound>,
    /// Longest statement, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement_time_ms: Option<Bound>,
    /// Longest transaction, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_time_ms: Option<Bound>,
    /// Longest silence inside a transaction, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_in_transaction_ms: Option<Bound>,
    /// HTTP requests in a second, on the average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<Bound>,
    /// HTTP requests at once beyond the average, after a quiet time; as many as in a second if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_burst: Option<Bound>,
    /// HTTP requests under way at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent_requests: Option<Bound>,
}

impl LimitEntry {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What proves that somebody belongs to a tenant.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CredentialEntry {
    /// Its public name.
    pub id: String,
    /// `SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`, as PostgreSQL keeps it. Never a password.
    pub verifier: String,
    /// From this time on it is refused, for example `2027-01-31T12:00:00Z`; left out for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub expires_at: Option<String>,
}

impl fmt::Debug for CredentialEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialEntry")
            .field("id", &self.id)
            .field("verifier", &"…")
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

fn uuid() -> KeyKind {
    KeyKind::Uuid
}

impl DirectoryFile {
    /// The file as JSON, the same text for the same content.
    pub fn to_json(&self) -> Result<String, FileError> {
        let text = serde_json::to_string_pretty(self).map_err(|e| FileError::Write { message: e.to_string() })?;
        Ok(text + "\n")
    }

    /// The file as TOML, the same text for the same content.
    pub fn to_toml(&self) -> Result<String, FileError> {
        toml::to_string_pretty(self).map_err(|e| FileError::Write { message: e.to_string() })
    }
}
