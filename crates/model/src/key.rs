//! Tenant keys: what stands in a tenant column.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Longest text key in bytes that the context can carry (eight 64-bit cells of session memory).
pub const TEXT_KEY_BYTES_MAX: usize = 64;

/// The type of a tenant column, as far as the context is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// `uuid`
    Uuid,
    /// `integer` and `smallint`
    Integer,
    /// `bigint`
    Bigint,
    /// `text` and `character varying`
    Text,
}

impl KeyKind {
    /// The kind of a column whose type `format_type` prints like this; `None` for types that cannot be a tenant key
    /// (among them `citext` and `character(n)`, under which two different texts are equal).
    pub fn of_type(formatted: &str) -> Option<Self> {
        Some(match formatted {
            "uuid" => Self::Uuid,
            "integer" | "smallint" => Self::Integer,
            "bigint" => Self::Bigint,
            "text" | "character varying" => Self::Text,
            t if t.starts_with("character varying(") => Self::Text,
            _ => return None,
        })
    }

    /// The function in schema `tenantry` that gives the tenant of the transaction in this type.
    pub fn context_function(self) -> &'static str {
        match self {
            Self::Uuid => "tenant_id",
            Self::Integer => "tenant_id_integer",
            Self::Bigint => "tenant_id_bigint",
            Self::Text => "tenant_id_text",
        }
    }

    /// The SQL type a new tenant column of this kind gets.
    pub fn sql_type(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Integer => "integer",
            Self::Bigint => "bigint",
            Self::Text => "text",
        }
    }
}

/// The key of one tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TenantKey {
    /// A uuid key.
    Uuid(Uuid),
    /// An integer key.
    Integer(i32),
    /// A bigint key.
    Bigint(i64),
    /// A text key, 1 to 64 bytes.
    Text(String),
}

/// A text that is no key of the kind asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a tenant key of type {kind:?}")]
pub struct ParseKeyError {
    /// What was given.
    pub text: String,
    /// What was expected.
    pub kind: KeyKind,
}

impl TenantKey {
    /// Reads a key of a known kind from its text.
    pub fn parse(kind: KeyKind, text: &str) -> Result<Self, ParseKeyError> {
        let bad = || ParseKeyError { text: text.to_owned(), kind };
        Ok(match kind {
            KeyKind::Uuid => Self::Uuid(text.parse().map_err(|_| bad())?),
            KeyKind::Integer => Self::Integer(text.parse().map_err(|_| bad())?),
            KeyKind::Bigint => Self::Bigint(text.parse().map_err(|_| bad())?),
            KeyKind::Text if text.is_empty() || text.len() > TEXT_KEY_BYTES_MAX || text.contains('\0') => {
                return Err(bad());
            }
            KeyKind::Text => Self::Text(text.to_owned()),
        })
    }

    /// The kind of this key.
    pub fn kind(&self) -> KeyKind {
        match self {
            Self::Uuid(_) => KeyKind::Uuid,
            Self::Integer(_) => KeyKind::Integer,
            Self::Bigint(_) => KeyKind::Bigint,
            Self::Text(_) => KeyKind::Text,
        }
    }
}

impl fmt::Display for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(k) => k.fmt(f),
            Self::Integer(k) => k.fmt(f),
            Self::Bigint(k) => k.fmt(f),
            Self::Text(k) => f.write_str(k),
        }
    }
}
