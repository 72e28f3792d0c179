//! Folders of this workspace.

use std::path::{Path, PathBuf};

/// The workspace's root.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Cargo's target folder.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// A folder below `target/testkit` for what is made once and kept, such as data directories to copy from.
pub fn kept(name: &str) -> PathBuf {
    let folder = target().join("testkit").join(name);
    std::fs::create_dir_all(&folder).unwrap_or_else(|e| panic!("cannot make {}: {e}", folder.display()));
    folder
}

/// Folders of programs that `bin/test` has put below `target/pg`, one per version.
pub fn installed() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(target().join("pg")).into_iter().flatten().flatten();
    entries.map(|e| e.path().join("bin")).filter(|bin| bin.join("postgres").exists()).collect()
}
