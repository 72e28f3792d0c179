//! The registry file on disk: read once, merged with new findings, written all or nothing.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tenantry_blueprint::classify::Classification;
use tenantry_blueprint::registry::{Registry, TableEntry};

use crate::errors::Failure;
use crate::output::files::{self, Readers};

/// `tenantry.toml`: where it is and what it says.
pub(crate) struct RegistryFile {
    path: PathBuf,
    /// Whether it is there.
    pub(crate) exists: bool,
    /// What it says.
    pub(crate) content: Registry,
    text: Option<String>,
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
                return Ok(Self { path: path.to_owned(), exists: false, content: Registry::default(), text: None });
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
        Ok(Self { path: path.to_owned(), exists: true, content, text: Some(text) })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds an entry for every table the file does not know, and leaves the rest of it, comments included, as it
    /// is. A missing file is written whole. Gives the number of entries added.
    pub(crate) fn extend(&self, classification: &Classification) -> Result<usize, Failure> {
        let merged = if self.exists {
            self.content.merge(classification)
        } else {
            Registry::from_classification(classification)
        };
        let added = merged.tables.len() - self.content.tables.len();
        if self.exists && merged == self.content {
            return Ok(0);
        }
        let text = match self.appended(&merged) {
            // what was appended must say exactly what was meant
            Some(text) if Registry::parse(&text).is_ok_and(|read| read == merged) => text,
            _ => merged.render_with(classification),
        };
        files::write(&self.path, &text, Readers::Everybody)?;
        Ok(added)
    }

    /// The file's own text with the new tables behind it; `None` if there is no file.
    fn appended(&self, merged: &Registry) -> Option<String> {
        #[derive(serde::Serialize)]
        struct Tables<'a> {
            tables: std::collections::BTreeMap<&'a String, &'a TableEntry>,
        }
        let new = merged.tables.iter().filter(|(name, _)| !self.content.tables.contains_key(*name)).collect();
        let new = toml::to_string(&Tables { tables: new }).ok()?;
        let old = self.text.as_ref()?.trim_end();
        // `[tables]` itself, which the old text may have already, is implied by its entries
        let new = new.strip_prefix("[tables]\n").unwrap_or(&new).trim_start();
        Some(format!("{old}\n\n# added by `tenantry inspect --write-config`: please review\n{new}"))
    }
}
