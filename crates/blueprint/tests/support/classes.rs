//! What classes a sketch gets, and whether they are those a careful person would give.

use tenantry_blueprint::classify::{Classification, classify};
use tenantry_blueprint::registry::Registry;

use super::sketch::{catalog, name};

/// Classifies a sketch with an empty registry.
pub(crate) fn found(sketch: &str) -> Classification {
    classify(&catalog(sketch), &Registry::default())
}

/// The root, as text.
pub(crate) fn root(found: &Classification) -> Option<String> {
    found.root.table.as_ref().map(ToString::to_string)
}

/// Checks `table class [column]`, a line each.
pub(crate) fn expect(found: &Classification, lines: &str) {
    let mut wrong = Vec::new();
    for line in lines.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let mut words = line.split_whitespace();
        let (table, class, column) = (words.next().unwrap(), words.next().unwrap(), words.next());
        let verdict = found.verdict(&name(table)).unwrap_or_else(|| panic!("no verdict on {table}"));
        let is = format!("{:?}", verdict.class).to_lowercase();
        let has = verdict.column.as_ref().map(ToString::to_string);
        if is != class || column.is_some() && has.as_deref() != column {
            wrong.push(format!("{line}: is {is} {has:?}, because {:?}", verdict.reasons));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
