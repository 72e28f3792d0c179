//! A file tells one story, and most are one or two screens.

use super::Tree;

/// No source file is longer.
const LINES_MAX: usize = 500;

/// No file of tests is longer: a list of cases reads faster than code.
const TEST_LINES_MAX: usize = 700;

/// No crate's files are longer on the whole.
const MEDIAN_MAX: usize = 220;

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let mut lengths = Vec::new();
    for (path, text) in [".rs", ".ts", ".sh"].into_iter().flat_map(|suffix| tree.under("", suffix)) {
        let lines = text.lines().count();
        lengths.push(lines);
        let most = if path.contains("/tests/") { TEST_LINES_MAX } else { LINES_MAX };
        if lines > most {
            found.push(format!("{path} has {lines} lines, more than {most}: which two stories does it tell?"));
        }
    }
    lengths.sort_unstable();
    let median = lengths.get(lengths.len() / 2).copied().unwrap_or_default();
    if median > MEDIAN_MAX {
        found.push(format!("half of all files are longer than {median} lines; {MEDIAN_MAX} is the bound"));
    }
    found
}
