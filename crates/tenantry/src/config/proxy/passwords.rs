//! Passwords in files: never in the configuration, in arguments or in the environment.

use std::path::Path;

use secrecy::SecretString;

use crate::errors::Failure;

/// The first line of a file.
pub(crate) fn read(path: &Path) -> Result<SecretString, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        Failure::caller(format!("cannot read the password file {}", path.display()))
            .because(e)
            .remedy("check the path and that this user may read it")
    })?;
    let password = text.lines().next().unwrap_or_default();
    if password.is_empty() {
        return Err(Failure::caller(format!("the password file {} is empty", path.display()))
            .remedy("write the password on its first line"));
    }
    Ok(SecretString::from(password))
}
