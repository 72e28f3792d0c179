//! Data directories: made with `initdb`, password authentication only.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use postgresql_commands::CommandBuilder;
use postgresql_commands::initdb::InitDbBuilder;
use secrecy::{ExposeSecret, SecretString};

use crate::account::Account;
use crate::binaries::Binaries;
use crate::error::Error;

/// The superuser of the servers we make.
pub const SUPERUSER: &str = "postgres";

/// Locales to try. The first sorts and folds letters of all alphabets; the second exists everywhere.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];

/// Makes a folder that only `account` may look into.
pub fn make_folder(path: &Path, account: Account) -> Result<(), Error> {
    make_own_folder(path, 0o700)?;
    account.give(path)
}

/// Makes a folder of our own with these permissions.
pub(crate) fn make_own_folder(path: &Path, mode: u32) -> Result<(), Error> {
    let failed = |source| Error::Folder { path: path.to_owned(), source };
    fs::create_dir_all(path).map_err(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed)
}

/// Writes a file that only its owner may read, all or nothing.
pub fn write_secret(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |source| Error::Folder { path: path.to_owned(), source };
    let fresh = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    write().map_err(failed)
}

/// A password of 160 random bits.
pub fn random_password() -> Result<SecretString, Error> {
    let mut bytes = [0u8; 20];
    getrandom::fill(&mut bytes)
        .map_err(|e| Error::Folder { path: "/dev/urandom".into(), source: io::Error::other(e.to_string()) })?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>().into())
}

/// Makes a data directory in `data`, whose superuser `postgres` has this password.
///
/// The folder must be new or empty. `sync` waits until everything is on disk.
pub fn init(
    binaries: &Binaries,
    account: Account,
    data: &Path,
    password: &SecretString,
    sync: bool,
) -> Result<(), Error> {
    let password_file = data.with_extension("password");
    write_secret(&password_file, password.expose_secret())?;
    account.give(&password_file)?;
    make_folder(data, account)?;
    let mut result = Ok(());
    for locale in LOCALES {
        let mut builder = InitDbBuilder::new()
            .program_dir(&binaries.folder)
            .pgdata(data)
            .username(SUPERUSER)
            .auth("scram-sha-256")
            .pwfile(&password_file)
            .encoding("UTF8")
            .locale(locale);
        if !sync {
            builder = builder.no_sync();
        }
        let mut command = builder.build();
        account.apply(&mut command);
        let program = binaries.folder.join("initdb");
        let output = command.output().map_err(|source| Error::Program { program, source });
        result = output.and_then(|output| {
            let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            if output.status.success() { Ok(()) } else { Err(Error::Initdb { data: data.to_owned(), reason: words }) }
        });
        match &result {
            Err(Error::Initdb { reason, .. }) if reason.contains("locale") => continue,
            _ => break,
        }
    }
    // best effort: the file holds nothing that is not in `data` in another form
    let _ = fs::remove_file(&password_file);
    result
}
