//! The reader's first question is answered first: what is this file for?

use super::Tree;

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let sources = tree.under("crates/", ".rs").chain(tree.under("xtask/", ".rs"));
    sources
        .filter(|(path, text)| path.contains("/src/") && !text.trim_start().starts_with("//!"))
        .map(|(path, _)| format!("{path} does not begin with what it is for (`//! …`)"))
        .collect()
}
