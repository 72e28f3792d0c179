//! Many connections need many open files.

use anyhow::{Context, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are open besides the connections.
const OTHERS: u64 = 500;

/// Makes sure that this process, and those it starts, may open so many connections.
pub fn allow_files(connections: u64) -> anyhow::Result<()> {
    let wanted = connections + OTHERS;
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|c| c >= wanted) {
        return Ok(());
    }
    let maximum = now.maximum.map(|m| m.max(wanted));
    if setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).is_ok() {
        return Ok(());
    }
    let allowed = now.maximum.context("an open limit that cannot be used")?;
    bail!("{wanted} open files are needed and {allowed} allowed: raise `ulimit -Hn`, or take fewer connections")
}
