//! The tenants' file: which tenants there are, as long as no control plane publishes them. It is read again when it
//! changes, so a suspension takes effect without a restart.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tenantry_edge::directory::Directory;
use tenantry_edge::directory::file::DirectoryFile;
use tenantry_model::KeyKind;

use crate::errors::Failure;

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
            if stamp(&self.path) != self.seen {
                if let Err(failure) = self.again() {
                    tracing::error!("the tenants stay as they were: {failure}");
                }
            }
        }
    }

    fn again(&mut self) -> Result<(), Failure> {
        let what = || format!("cannot use the tenants' file {}", self.path.display());
        // taken before the content: whatever is written meanwhile is seen as a change
        self.seen = stamp(&self.path);
        let text = std::fs::read_to_string(&self.path)
            .map_err(|e| Failure::caller(what()).because(e).code("directory-file").remedy("check the path"))?;
        let unusable = |e: &dyn std::error::Error| {
            let why = std::iter::successors(Some(e), |e| e.source()).map(ToString::to_string).collect::<Vec<_>>();
            Failure::caller(format!("{}: {}", what(), why.join(": ")))
                .code("directory-file")
                .remedy("`tenantry tenants schema` prints what the file may hold")
        };
        let file = DirectoryFile::parse(&text).map_err(|e| unusable(&e))?;
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
