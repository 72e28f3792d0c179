//! Files that are either there in full or not at all.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use tenantry_model::Class;

use crate::errors::Failure;

/// Who may read a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Whoever the folder lets in.
    Everybody,
    /// Its owner.
    Owner,
}

/// Writes one file: into a neighbour first, then renamed over it.
pub(crate) fn write(path: &Path, text: &str, readers: Readers) -> Result<(), Failure> {
    put(path, text, if readers == Readers::Owner { 0o600 } else { 0o644 }, None)
}

/// The same for a file that keeps its rights, its owner and its group; a new one is for its owner only.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    put(path, text, 0o600, fs::metadata(path).ok())
}

fn put(path: &Path, text: &str, mode: u32, like: Option<fs::Metadata>) -> Result<(), Failure> {
    let failed = |e: io::Error| {
        Failure::new(Class::Unavailable, format!("cannot write {}", path.display()))
            .because(e)
            .code("file-unwritable")
            .remedy("check that the folder exists, that you may write there and that the disk is not full")
    };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = path.with_file_name(name);
    let result = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        if let Some(like) = like {
            // only a superuser can give files away; for everybody else it is theirs already
            let _ = std::os::unix::fs::fchown(&file, Some(like.uid()), Some(like.gid()));
            file.set_permissions(like.permissions())?;
        }
        file.sync_all()?;
        fs::rename(&fresh, path)
    })();
    result.map_err(|e| {
        // the half-written neighbour is no use to anybody
        let _ = fs::remove_file(&fresh);
        failed(e)
    })
}

/// Makes a folder that only its owner may look into; an existing one keeps its rights.
pub(crate) fn make_private_folder(path: &Path) -> Result<(), Failure> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|e| {
        Failure::new(Class::Denied, format!("cannot make the folder {}", path.display()))
            .because(e)
            .code("file-unwritable")
    })
}

/// Removes a file that may be gone already.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(Failure::new(Class::Denied, format!("cannot remove {}", path.display()))
                .because(e)
                .code("file-unwritable"))
        }
        _ => Ok(()),
    }
}

/// Writes several files into a folder, all or none: nothing is renamed before everything is written.
pub(crate) fn write_folder(folder: &Path, files: &[(&str, String)]) -> Result<(), Failure> {
    let failed = |path: &Path, e: io::Error| {
        Failure::new(Class::Unavailable, format!("cannot write {}", path.display()))
            .because(e)
            .code("file-unwritable")
            .remedy("check that you may write there and that the disk is not full")
    };
    fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    let fresh = |name: &str| folder.join(format!(".{name}.{}.new", std::process::id()));
    let written = files.iter().try_for_each(|(name, text)| {
        let path = fresh(name);
        let mut file = fs::File::create(&path).map_err(|e| failed(&path, e))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|e| failed(&path, e))
    });
    let renamed = written.and_then(|()| {
        files.iter().try_for_each(|(name, _)| {
            let path = folder.join(name);
            fs::rename(fresh(name), &path).map_err(|e| failed(&path, e))
        })
    });
    if renamed.is_err() {
        for (name, _) in files {
            // those that were renamed are gone from here already
            let _ = fs::remove_file(fresh(name));
        }
    }
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_keeps_its_rights() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        replace(&path, "new").unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        replace(&path, "newer").unwrap();
        assert_eq!((mode(), fs::read_to_string(&path).unwrap()), (0o640, "newer".to_owned()));
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_nothing_and_keeps_the_old() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("a"), "old", Readers::Owner).unwrap();
        // a folder stands where the second file should go, so its rename fails
        fs::create_dir(folder.path().join("b")).unwrap();
        fs::write(folder.path().join("b/x"), "").unwrap();
        let files = [("b", "new".to_owned()), ("a", "new".to_owned())];
        assert!(write_folder(folder.path(), &files).is_err());
        assert_eq!(fs::read_to_string(folder.path().join("a")).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
