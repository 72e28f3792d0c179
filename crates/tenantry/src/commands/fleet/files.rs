//! Migrations in files: one, or a folder of them in the order of their names, as tools of applications keep them.

use std::path::{Path, PathBuf};

use crate::errors::Failure;

/// A migration that was read.
pub(super) struct Script {
    pub(super) version: String,
    pub(super) sql: String,
}

pub(super) fn one(file: &Path, version: &str) -> Result<Script, Failure> {
    Ok(Script { version: version.to_owned(), sql: read(file)? })
}

/// `NAME.sql`, or `NAME/migration.sql` as Prisma has it; the name is the version.
pub(super) fn all(folder: &Path) -> Result<Vec<Script>, Failure> {
    let unreadable = |e| {
        Failure::caller(format!("cannot read the folder {}", folder.display()))
            .because(e)
            .remedy("name a folder with NAME.sql or NAME/migration.sql by --directory")
    };
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let inner = path.join("migration.sql");
        let (name, file) = match path.extension() {
            Some(end) if end == "sql" => (path.file_stem(), path.clone()),
            _ if inner.is_file() => (path.file_name(), inner),
            _ => continue,
        };
        if let Some(name) = name.and_then(|n| n.to_str()) {
            found.push((name.to_owned(), file));
        }
    }
    if found.is_empty() {
        return Err(Failure::caller(format!("{} holds no migration", folder.display()))
            .remedy("a migration is NAME.sql or NAME/migration.sql"));
    }
    found.sort();
    found.into_iter().map(|(version, file)| Ok(Script { version, sql: read(&file)? })).collect()
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|e| {
        Failure::caller(format!("cannot read the migration {}", file.display()))
            .because(e)
            .remedy("check the path, and that it is text in UTF-8")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot do its work has failed")]

    use super::*;

    #[test]
    fn a_folder_is_read_in_the_order_of_names() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("02.sql"), "b").unwrap();
        std::fs::create_dir(folder.path().join("01_first")).unwrap();
        std::fs::write(folder.path().join("01_first/migration.sql"), "a").unwrap();
        std::fs::write(folder.path().join("README.md"), "x").unwrap();
        let found = all(folder.path()).unwrap();
        let shown: Vec<_> = found.iter().map(|s| (&*s.version, &*s.sql)).collect();
        assert_eq!(shown, [("01_first", "a"), ("02", "b")]);
        std::fs::remove_dir_all(folder.path()).unwrap();
        assert!(all(folder.path()).is_err());
    }
}
