//! The credentials file that `apply` writes: logins of the runtime and the signing key, mode 0600.
//!
//! It is the only place where these secrets stand in the clear. It is written whole or not at all, and nothing here
//! prints: the types have no `Debug`, and an error names the file, never its content.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tenantry_model::token::ContextKey;
use tenantry_model::{Class, KeyKind};
use zeroize::ZeroizeOnDrop;

/// Version of the file's format.
pub const FORMAT: u32 = 1;

/// The whole file.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// [`FORMAT`].
    pub format: u32,
    /// Name of the database.
    pub database: String,
    /// Host or socket folder the logins were made through.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The runtime logins, one per pooled connection.
    pub logins: Vec<Login>,
    /// The key that signs tenant contexts.
    pub signing_key: SigningKey,
    /// Type of the tenant column; older files do not name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_key: Option<KeyKind>,
}

/// One runtime login.
#[derive(Clone, Serialize, Deserialize, ZeroizeOnDrop)]
pub struct Login {
    /// Role name.
    pub user: String,
    /// Its password.
    pub password: String,
}

/// A key that signs tenant contexts.
#[derive(Clone, Serialize, Deserialize, ZeroizeOnDrop)]
pub struct SigningKey {
    /// Its number in `tenantry.signing_key`.
    pub kid: i16,
    /// 32 random bytes in hexadecimal.
    pub key: String,
}

/// Why the credentials file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// It cannot be read.
    #[error("cannot read the credentials file {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not a credentials file.
    #[error("{} is not a credentials file of tenantry: move it away, or name another file", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// It belongs to another database.
    #[error("{} holds the credentials of database `{found}`: move it away, or name another file for `{expected}`", .path.display())]
    OtherDatabase {
        /// The file.
        path: PathBuf,
        /// The file's database.
        found: String,
        /// The one at hand.
        expected: String,
    },
    /// It cannot be written.
    #[error("cannot write the credentials file {}: check that the folder exists and may be written", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random {
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl CredentialsError {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => Class::Missing,
                io::ErrorKind::PermissionDenied => Class::Denied,
                _ => Class::Unavailable,
            },
            Self::Damaged { .. } => Class::Caller,
            Self::OtherDatabase { .. } => Class::Conflict,
            Self::Random { .. } => Class::Unavailable,
        }
    }
}

impl Credentials {
    /// Reads a file that `apply` wrote.
    pub fn read(path: &Path) -> Result<Self, CredentialsError> {
        let text = fs::read(path).map_err(|source| CredentialsError::Read { path: path.to_owned(), source })?;
        serde_json::from_slice(&text)
            .ok()
            .filter(|c: &Self| c.format == FORMAT)
            .ok_or_else(|| CredentialsError::Damaged { path: path.to_owned() })
    }

    /// New secrets for these logins.
    pub fn generate(database: &str, host: &str, port: u16, users: &[&str]) -> Result<Self, CredentialsError> {
        let logins = users
            .iter()
            .map(|user| Ok(Login { user: (*user).to_owned(), password: random_hex()? }))
            .collect::<Result<_, CredentialsError>>()?;
        let signing_key = SigningKey { kid: 1, key: random_hex()? };
        Ok(Self {
            format: FORMAT,
            database: database.to_owned(),
            host: host.to_owned(),
            port,
            logins,
            signing_key,
            tenant_key: None,
        })
    }

    /// Whether these are the secrets of exactly these logins, and usable.
    pub fn fits(&self, users: &[&str]) -> bool {
        self.logins.len() == users.len()
            && self.logins.iter().zip(users).all(|(l, u)| l.user == *u && l.password.len() >= HEX_DIGITS)
            && ContextKey::from_hex(self.signing_key.kid, &self.signing_key.key).is_ok()
    }

    /// Writes the file for its owner only: first beside it, then moved in place, so that a reader finds the old
    /// one or the new one and a crash leaves no half of it.
    pub fn write(&self, path: &Path) -> Result<(), CredentialsError> {
        let failed = |source| CredentialsError::Write { path: path.to_owned(), source };
        let text = serde_json::to_vec_pretty(self).map_err(|e| failed(e.into()))?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        match fs::remove_file(&beside) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).map_err(failed)?;
        file.write_all(&text).and_then(|()| file.write_all(b"\n")).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&beside, path).map_err(failed)?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|f| f.sync_all()).map_err(failed)
    }
}

/// Bytes of a password or key.
const KEY_BYTES: usize = 32;

/// The same in hexadecimal.
const HEX_DIGITS: usize = 2 * KEY_BYTES;

fn random_hex() -> Result<String, CredentialsError> {
    let mut bytes = zeroize::Zeroizing::new([0u8; KEY_BYTES]);
    getrandom::fill(bytes.as_mut())
        .map_err(|e| CredentialsError::Random { source: io::Error::other(e.to_string()) })?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_written_file_is_for_its_owner_only_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.json");
        fs::write(folder.path().join("credentials.json.new"), "left by a crash").unwrap();
        let made = Credentials::generate("app", "localhost", 5432, &["app_slot_01", "app_slot_02"]).unwrap();
        made.write(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let read = Credentials::read(&path).unwrap();
        assert!(read.fits(&["app_slot_01", "app_slot_02"]));
        assert!(!read.fits(&["app_slot_01"]) && !read.fits(&["app_slot_01", "other"]));
        assert!(read.signing_key.key != "00".repeat(32));
        assert_ne!(read.logins[0].password, read.logins[1].password);
        assert_eq!(read.tenant_key, None, "a file that does not name the type of the key is read too");
        let named = Credentials { tenant_key: Some(KeyKind::Bigint), ..made };
        named.write(&path).unwrap();
        assert_eq!(Credentials::read(&path).unwrap().tenant_key, Some(KeyKind::Bigint));
    }

    #[test]
    fn a_damaged_file_is_named_without_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.json");
        fs::write(&path, r#"{"format":1,"database":"hunter2"}"#).unwrap();
        let error = Credentials::read(&path).err().unwrap();
        assert!(error.to_string().contains("c.json") && !format!("{error:?}").contains("hunter2"));
        let error = Credentials::read(&folder.path().join("none")).err().unwrap();
        assert_eq!(error.class(), Class::Missing);
    }
}
