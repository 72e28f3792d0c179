//! Where things are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The files git knows or would take, by path from the root; those that are gone are left out.
pub(crate) fn files() -> Result<Vec<String>> {
    let out = crate::run::output("git", &["ls-files", "--cached", "--others", "--exclude-standard", "-z"])?;
    let mut files: Vec<String> =
        out.split('\0').filter(|f| !f.is_empty() && Path::new(f).is_file()).map(Into::into).collect();
    files.sort();
    files.dedup();
    Ok(files)
}

/// The text of a file; `None` if it is not text.
pub(crate) fn text(path: &str) -> Result<Option<String>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {path}"))?;
    Ok(String::from_utf8(bytes).ok())
}
