//! The tenants' file: which tenants there are, as long as no control plane publishes them. It is read again when it
//! changes, so a suspension takes effect without a restart.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tenantry_edge::directory::Directory;
use tenantry_edge::directory::file::DirectoryFile;
use tenantry_model::{Class, KeyKind};

use crate::errors::Failure;
use crate::output::files;

/// Where the tenants' file is looked for if nobody names one.
pub(crate) const FILE_DEFAULT: &str = "tenants.json";

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A directory that follows a file.
#[derive(Clone)]
pub(crate) struct Followed {
    path: PathBuf,
    directory: Directory,
    seen: Option<(SystemTime, u64)>,
}

/// Reads a file and publishes what it says.
pub(crate) fn read(path: &Path, kind: KeyKind) -> Result<Followed, Failure> {
    let mut followed = Followed { path: path.to_owned(), directory: Directory::empty(kind), seen: None };
    followed.again()?;
    Ok(followed)
}

impl Followed {
    /// The directory, which changes as the file does.
    pub(crate) fn directory(&self) -> Directory {
        self.directory.clone()
    }

    /// Looks at the file for as long as the process lives. A file that cannot be used changes nothing.
    pub(crate) async fn follow(mut self) {
        let mut interval = tokio::time::interval(LOOK_EVERY);
        loop {
            interval.tick().await;
            if stamp(&self.path) != self.seen
                && let Err(failure) = self.again()
            {
                tracing::error!("the tenants stay as they were: {failure}");
            }
        }
    }

    fn again(&mut self) -> Result<(), Failure> {
        // taken before the content: whatever is written meanwhile is seen as a change
        self.seen = stamp(&self.path);
        let file = Stored::at(self.path.clone()).read()?;
        let unusable = |e: &dyn std::error::Error| unusable(&self.path, e);
        if file.key_kind != self.directory.kind() {
            let (found, wanted) = (file.key_kind, self.directory.kind());
            return Err(Failure::caller(format!(
                "the tenants' file {} lists keys of type {found:?}, and the tenant column is {wanted:?}",
                self.path.display()
            ))
            .code("directory-file")
            .remedy("name the file of this database"));
        }
        let snapshot = file.snapshot(self.directory.generation() + 1).map_err(|e| unusable(&e))?;
        let changes = self.directory.publish(snapshot).map_err(|e| unusable(&e))?;
        tracing::info!("tenants read from {}: {changes:?}", self.path.display());
        Ok(())
    }
}

/// When it was changed, and how long it is.
fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let data = std::fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len()))
}

fn unusable(path: &Path, error: &dyn std::error::Error) -> Failure {
    let why = std::iter::successors(Some(error), |e| e.source()).map(ToString::to_string).collect::<Vec<_>>();
    Failure::caller(format!("cannot use the tenants' file {}: {}", path.display(), why.join(": ")))
        .code("directory-file")
        .remedy("`tenantry tenants schema` prints what the file may hold")
}

/// The file itself, for commands that read or change it.
pub(crate) struct Stored {
    path: PathBuf,
}

impl Stored {
    /// The file at this place, which may be missing yet.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What it says.
    pub(crate) fn read(&self) -> Result<DirectoryFile, Failure> {
        self.read_if_there()?.ok_or_else(|| {
            Failure::new(Class::Missing, format!("there is no tenants' file {}", self.path.display()))
                .code("directory-file")
                .remedy("check the path, or make one with `tenantry tenants import`")
        })
    }

    fn read_if_there(&self) -> Result<Option<DirectoryFile>, Failure> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => Ok(Some(DirectoryFile::parse(&text).map_err(|e| unusable(&self.path, &e))?)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(unusable(&self.path, &e)),
        }
    }

    /// Changes it, or nothing.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut DirectoryFile) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let _lock = self.lock()?;
        let file = self.read()?;
        self.changed(file, change)
    }

    /// The same; a missing one is made.
    pub(crate) fn change_or_make<T>(
        &self,
        make: impl FnOnce() -> DirectoryFile,
        change: impl FnOnce(&mut DirectoryFile) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let _lock = self.lock()?;
        let file = self.read_if_there()?.unwrap_or_else(make);
        self.changed(file, change)
    }

    /// Puts another list in its place. Whoever made it knows nothing of host names: those that its tenants have here
    /// stay theirs.
    pub(crate) fn publish(&self, mut list: DirectoryFile) -> Result<(), Failure> {
        let _lock = self.lock()?;
        let before = self.read_if_there().unwrap_or_else(|failure| {
            tracing::error!("host names of tenants are lost: {failure}");
            None
        });
        for old in before.into_iter().flat_map(|file| file.tenants) {
            if let Some(tenant) = list.tenants.iter_mut().find(|t| t.key == old.key && t.domains.is_empty()) {
                (tenant.domains, tenant.domain_claims) = (old.domains, old.domain_claims);
            }
        }
        self.changed(list, |_| Ok(()))
    }

    fn changed<T>(
        &self,
        mut file: DirectoryFile,
        change: impl FnOnce(&mut DirectoryFile) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let changed = change(&mut file)?;
        // what a proxy would refuse is not written
        file.snapshot(1).map_err(|e| unusable(&self.path, &e))?;
        let is_toml = self.path.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml"));
        let text = if is_toml { file.to_toml() } else { file.to_json() };
        let text = text.map_err(|e| Failure::bug("write the tenants' file").because(e))?;
        files::replace(&self.path, &text)?;
        Ok(changed)
    }

    /// Two commands at once must not undo each other. The folder is locked, so that no file is left behind.
    fn lock(&self) -> Result<File, Failure> {
        let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let locked = File::open(folder).and_then(|file| file.lock().map(|()| file));
        locked.map_err(|e| {
            Failure::new(Class::Unavailable, format!("cannot lock the folder {}", folder.display()))
                .because(e)
                .code("file-unwritable")
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot do its work has failed")]

    use super::*;

    #[test]
    fn a_list_that_knows_no_host_names_leaves_them_whose_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tenants.json");
        let list = |more: &str| {
            let tenants = format!(r#"[{{"key": 1, "slug": "acme"{more}}}, {{"key": 2, "slug": "bolt"}}]"#);
            DirectoryFile::parse(&format!(r#"{{"format": 1, "keyKind": "integer", "tenants": {tenants}}}"#)).unwrap()
        };
        let stored = Stored::at(path.clone());
        stored.publish(list("")).unwrap();
        let claim = r#"{"domain": "new.acme.com", "token": "t", "claimedAt": "2027-01-31T12:00:00Z"}"#;
        let own = format!(r#", "domains": ["shop.acme.com"], "domainClaims": [{claim}]"#);
        std::fs::write(&path, list(&own).to_json().unwrap()).unwrap();
        stored.publish(list(r#", "state": "suspended""#)).unwrap();
        let acme = stored.read().unwrap().tenants.swap_remove(0);
        assert_eq!((acme.domains, acme.domain_claims.len()), (vec!["shop.acme.com".to_owned()], 1));
        assert_eq!(acme.state, tenantry_edge::directory::TenantState::Suspended);
        // what cannot be read stops nobody from being told who is suspended
        std::fs::write(&path, "rubbish").unwrap();
        stored.publish(list("")).unwrap();
        assert!(stored.read().unwrap().tenants[0].domains.is_empty());
    }
}
