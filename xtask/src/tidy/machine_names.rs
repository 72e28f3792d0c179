//! No path of the machine this was written on, and no host of a package registry: packages are known by name.

use super::Tree;

/// Hosts in two halves, so that this file does not name them.
const HOSTS: &[(&str, &str)] = &[
    ("index.crates", ".io"),
    ("static.crates", ".io"),
    ("registry.npm", "js.org"),
    ("registry.yarn", "pkg.com"),
    ("files.python", "hosted.org"),
    ("deb.deb", "ian.org"),
    ("security.deb", "ian.org"),
    ("archive.ubu", "ntu.com"),
];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut forbidden: Vec<String> = HOSTS.iter().map(|(a, b)| format!("{a}{b}")).collect();
    let root = crate::place::root();
    forbidden.push(format!("{}/", root.display()));
    forbidden.extend(root.parent().filter(|p| p.components().count() > 1).map(|p| format!("{}/", p.display())));
    // the home folder of root is a word of its own in many texts
    forbidden.extend(std::env::var("HOME").ok().filter(|h| h.len() > 5).map(|h| format!("{h}/")));
    let lines = |(path, text): &(String, String)| -> Vec<String> {
        let found = text.lines().enumerate().filter_map(|(number, line)| {
            let name = forbidden.iter().find(|f| line.contains(f.as_str()))?;
            Some(format!("{path}:{} names {name}", number + 1))
        });
        found.collect()
    };
    tree.files.iter().flat_map(lines).collect()
}
