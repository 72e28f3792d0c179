//! One rule, step, attack or hazard per file, and every file stands in its folder's list.

use super::Tree;

/// Folders whose `mod.rs` lists them, and the files there that are shared tools, not entries.
pub(super) const FOLDERS: &[(&str, &[&str])] = &[
    ("crates/blueprint/src/classify/rules/", &[]),
    ("crates/blueprint/src/hazards/", &["tools"]),
    ("crates/blueprint/src/steps/", &["tools", "sized"]),
    ("crates/engine/src/verify/attacks/", &["quotas", "tools", "units"]),
];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (folder, tools) in FOLDERS {
        let Some(list) = tree.text(&format!("{folder}mod.rs")) else { continue };
        // a plain `mod x;` makes it compile; the list is where it stands a second time, or in a macro's call
        let code: String = list.lines().filter(|l| !l.trim_start().starts_with("mod ")).collect::<Vec<_>>().join("\n");
        for name in entries(tree, folder) {
            if !tools.contains(&name) && !words(&code).any(|w| w == name) {
                found.push(format!("{folder}{name}.rs does not stand in the list of {folder}mod.rs"));
            }
        }
    }
    found
}

/// Names of the files right in a folder, `mod` left out.
pub(super) fn entries<'a>(tree: &'a Tree, folder: &'a str) -> impl Iterator<Item = &'a str> {
    let names = tree.under(folder, ".rs").map(move |(path, _)| &path[folder.len()..path.len() - 3]);
    names.filter(|name| *name != "mod" && !name.contains('/'))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}
