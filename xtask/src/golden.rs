//! The list of direct dependencies is a golden file: a new one is seen in review, not found later.

use anyhow::{Context, Result, bail};

use crate::deps::Metadata;

const FILE: &str = "xtask/dependencies.golden";

/// Compares the list with its file, or writes the file.
pub(crate) fn run(bless: bool) -> Result<()> {
    let mut text =
        String::from("# Direct dependencies of each crate. After a change that is meant: cargo xtask golden --bless\n");
    for (package, dependencies) in Metadata::read()?.direct() {
        text.push_str(&format!("\n{package}\n"));
        dependencies.iter().for_each(|d| text.push_str(&format!("  {d}\n")));
    }
    if bless {
        return std::fs::write(FILE, text).with_context(|| format!("cannot write {FILE}"));
    }
    let golden = std::fs::read_to_string(FILE).with_context(|| format!("cannot read {FILE}"))?;
    let (was, is): (Vec<&str>, Vec<&str>) = (golden.lines().collect(), text.lines().collect());
    if was == is {
        return Ok(());
    }
    let gone = was.iter().filter(|l| !is.contains(l)).map(|l| format!("  - {}", l.trim()));
    let new = is.iter().filter(|l| !was.contains(l)).map(|l| format!("  + {}", l.trim()));
    let lines: Vec<String> = gone.chain(new).collect();
    bail!(
        "the direct dependencies are not those of {FILE}; if this is meant: cargo xtask golden --bless\n{}",
        lines.join("\n")
    )
}
