//! The credentials file that `apply` writes: logins of the runtime and the signing key, mode 0600.

use serde::{Deserialize, Serialize};

/// The whole file.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// 1.
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
}

/// One runtime login.
#[derive(Clone, Serialize, Deserialize)]
pub struct Login {
    /// Role name.
    pub user: String,
    /// Its password.
    pub password: String,
}

/// A key that signs tenant contexts.
#[derive(Clone, Serialize, Deserialize)]
pub struct SigningKey {
    /// Its number in `tenantry.signing_key`.
    pub kid: i16,
    /// 32 random bytes in hexadecimal.
    pub key: String,
}
