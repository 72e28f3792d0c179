//! The credentials file that `tenantry apply` writes, as far as a pool needs it. It is read here and never written.
//!
//! Nothing here prints: the type has no `Debug`, and an error names the file, never its content.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tenantry_model::Class;
use tenantry_model::token::{ContextKey, TokenError};
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// Version of the file's format.
pub const FORMAT: u32 = 1;

/// Logins, one per connection of the pool, and the key that signs contexts.
#[derive(Clone, Deserialize)]
pub struct Credentials {
    format: u32,
    pub(crate) database: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) logins: Vec<Login>,
    signing_key: SigningKey,
}

/// One login of the runtime.
#[derive(Clone, Deserialize, ZeroizeOnDrop)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

#[derive(Clone, Deserialize, ZeroizeOnDrop)]
struct SigningKey {
    kid: i16,
    key: String,
}

/// Why credentials cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file cannot be read.
    #[error("cannot read the credentials file {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The text is not that of a credentials file.
    #[error("this is not a credentials file of format {FORMAT}: name the one that `tenantry apply` wrote")]
    Damaged,
    /// It holds no login.
    #[error("the credentials hold no login, or not so many as the pool was told to use: raise [roles] slots and apply")]
    NoLogin,
    /// Its signing key is none.
    #[error("the signing key of the credentials cannot be used")]
    Key {
        /// Why.
        #[source]
        source: TokenError,
    },
}

impl CredentialsError {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Read { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => Class::Missing,
                io::ErrorKind::PermissionDenied => Class::Denied,
                _ => Class::Unavailable,
            },
            Self::Damaged | Self::NoLogin | Self::Key { .. } => Class::Caller,
        }
    }
}

impl Credentials {
    /// Reads the file. Do it once, at the start: it blocks.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, CredentialsError> {
        let path = path.as_ref();
        let text = std::fs::read(path)
            .map(Zeroizing::new)
            .map_err(|source| CredentialsError::Read { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// The same from bytes, for who keeps secrets elsewhere than in files.
    pub fn parse(text: &[u8]) -> Result<Self, CredentialsError> {
        serde_json::from_slice(text).ok().filter(|c: &Self| c.format == FORMAT).ok_or(CredentialsError::Damaged)
    }

    /// How many logins there are: no pool has more connections.
    pub fn slots(&self) -> usize {
        self.logins.len()
    }

    pub(crate) fn key(&self) -> Result<ContextKey, CredentialsError> {
        ContextKey::from_hex(self.signing_key.kid, &self.signing_key.key)
            .map_err(|source| CredentialsError::Key { source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_credentials_file_is_refused_without_its_content() {
        for text in ["", "{}", "hunter2", r#"{"format":1,"database":"hunter2"}"#] {
            let error = Credentials::parse(text.as_bytes()).err().unwrap();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
            assert_eq!(error.class(), Class::Caller);
        }
        let other = r#"{"format":2,"database":"d","host":"h","port":1,"logins":[],"signing_key":{"kid":1,"key":""}}"#;
        assert!(matches!(Credentials::parse(other.as_bytes()), Err(CredentialsError::Damaged)));
        let none = other.replace("\"format\":2", "\"format\":1");
        let none = Credentials::parse(none.as_bytes()).unwrap();
        assert_eq!(none.slots(), 0);
        assert!(matches!(none.key(), Err(CredentialsError::Key { .. })));
        let error = Credentials::read("/no/such/credentials.json").err().unwrap();
        assert_eq!(error.class(), Class::Missing);
        assert!(error.to_string().contains("credentials.json"));
    }
}
