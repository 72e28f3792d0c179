//! House rules that no compiler knows, one a file. Each looks at the checkout and says what is wrong, and where.

mod dependencies;
mod docs_pages;
mod length;
mod licences;
mod machine_names;
mod module_docs;
mod registered;
mod scripts;
mod unfinished;

use anyhow::{Result, bail};

use crate::deps::Metadata;
use crate::place;

/// The checkout as the rules see it.
struct Tree {
    /// Text files by path from the root.
    files: Vec<(String, String)>,
    /// What cargo knows.
    cargo: Metadata,
}

impl Tree {
    fn read() -> Result<Self> {
        let mut files = Vec::new();
        for path in place::files()? {
            if let Some(text) = place::text(&path)? {
                files.push((path, text));
            }
        }
        Ok(Self { files, cargo: Metadata::read()? })
    }

    /// Files whose path begins and ends like this.
    fn under<'a>(&'a self, prefix: &'a str, suffix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files.iter().filter(move |(p, _)| p.starts_with(prefix) && p.ends_with(suffix)).map(|(p, t)| (&**p, &**t))
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|(p, _)| p == path).map(|(_, t)| &**t)
    }
}

type Rule = fn(&Tree) -> Vec<String>;

const RULES: &[(&str, Rule)] = &[
    ("length", length::check),
    ("module docs", module_docs::check),
    ("registered", registered::check),
    ("docs pages", docs_pages::check),
    ("unfinished", unfinished::check),
    ("machine names", machine_names::check),
    ("dependencies", dependencies::check),
    ("licences", licences::check),
    ("scripts", scripts::check),
];

/// Runs every rule.
pub(crate) fn run() -> Result<()> {
    let tree = Tree::read()?;
    let found: Vec<String> =
        RULES.iter().flat_map(|(name, rule)| rule(&tree).into_iter().map(move |f| format!("{name}: {f}"))).collect();
    if found.is_empty() {
        eprintln!("tidy: {} rules, {} files, nothing to say", RULES.len(), tree.files.len());
        return Ok(());
    }
    bail!("tidy found {}:\n  {}", found.len(), found.join("\n  "))
}
