//! The registry file on disk: read once, merged with new findings, written all or nothing.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tenantry_blueprint::registry::Registry;

use crate::errors::Failure;

/// `tenantry.toml`: where it is and what it says.
pub(crate) struct RegistryFile {
    /// Its path.
    pub(crate) path: PathBuf,
    /// Whether it is there.
    pub(crate) exists: bool,
    /// What it says.
    pub(crate) content: Registry,
}

impl RegistryFile {
    /// The file the user named, which must be there.
    pub(crate) fn named(path: &Path) -> Result<Self, Failure> {
        Self::read(path, true)
    }

    /// The file at the default place, which may be missing.
    pub(crate) fn default_at(path: &Path) -> Result<Self, Failure> {
        Self::read(path, false)
    }

    fn read(path: &Path, must_exist: bool) -> Result<Self, Failure> {
        let what = format!("cannot read the registry {}", path.display());
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound && !must_exist => {
                return Ok(Self { path: path.to_owned(), exists: false, content: Registry::default() });
            }
            Err(e) => {
                let remedy = "check the path, or write a first one with `tenantry inspect --write-config FILE`";
                return Err(Failure::caller(what).because(e).code("registry-unreadable").remedy(remedy));
            }
        };
        let content = Registry::parse(&text).map_err(|e| {
            let remedy = "`tenantry registry schema` prints what the file may hold";
            Failure::caller(what).because(e).code("registry-unreadable").remedy(remedy)
        })?;
        Ok(Self { path: path.to_owned(), exists: true, content })
    }
}
