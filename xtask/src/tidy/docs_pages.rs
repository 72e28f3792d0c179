//! Every hazard, check and error code has its page, and every page is about one that exists.

use std::collections::BTreeSet;

use super::Tree;
use super::registered::entries;

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let hazards = entries(tree, "crates/blueprint/src/hazards/").filter(|n| *n != "tools").map(|n| n.replace('_', "-"));
    let checks = entries(tree, "crates/engine/src/verify/attacks/").filter_map(attack_id);
    let of_proxy = entries(tree, "crates/engine/src/verify/proxy/attacks/").filter_map(attack_id);
    let of_gateway = entries(tree, "crates/engine/src/verify/gateway/attacks/").filter_map(attack_id);
    let of_api = entries(tree, "crates/engine/src/verify/api/attacks/").filter_map(attack_id);
    let mut found = compare(tree, "docs/hazards/", hazards.collect());
    found.extend(compare(tree, "docs/checks/", checks.chain(of_proxy).chain(of_gateway).chain(of_api).collect()));
    found.extend(compare(
        tree,
        "docs/errors/",
        error_codes(tree).into_iter().chain(api_codes(tree)).chain(named_in_sql(tree)).collect(),
    ));
    found
}

/// `p08_write_for_other_tenant` is `P-08`; files that do not begin like this are shared tools.
fn attack_id(name: &str) -> Option<String> {
    let (id, _) = name.split_once('_')?;
    let (letter, number) = id.split_at_checked(1)?;
    number.parse::<u32>().ok()?;
    Some(format!("{}-{number}", letter.to_uppercase()))
}

/// Codes that errors of the command line carry: `.code("…")` anywhere, and every page that `errors` names. And those of
/// what the gateway answers itself.
fn error_codes(tree: &Tree) -> BTreeSet<String> {
    const OF_GATEWAY: &str = "crates/gateway/src/refusal.rs";
    let mut codes = BTreeSet::new();
    for (path, text) in tree.under("crates/tenantry/src/", ".rs").chain(tree.under(OF_GATEWAY, "")) {
        let mut text = text.split("#[cfg(test)]").next().unwrap_or_default();
        if path == OF_GATEWAY {
            text = text.split("pub fn status").next().unwrap_or_default();
        }
        let maps_errors = path.contains("/src/errors") || path == OF_GATEWAY;
        let marks: &[&str] = if maps_errors { &["=> \"", "Some(\""] } else { &["code(\""] };
        let after = marks.iter().flat_map(|mark| text.split(mark).skip(1));
        codes.extend(after.filter_map(|part| part.split('"').next()).map(str::to_owned));
    }
    codes
}

/// Codes of the control plane's API: the lines of the table `codes!`.
fn api_codes(tree: &Tree) -> BTreeSet<String> {
    let text = tree.text("crates/control/src/error.rs").unwrap_or_default();
    let table = text.split("\ncodes! {").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap_or_default();
    let lines = table.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.filter_map(|line| line.split('"').nth(1)).map(|code| code.to_ascii_lowercase().replace('_', "-")).collect()
}

/// Pages that refusals of an isolated database name in their hints.
fn named_in_sql(tree: &Tree) -> BTreeSet<String> {
    let texts = tree.under("crates/blueprint/src/", ".sql").map(|(_, text)| text);
    let named = texts.flat_map(|text| text.split("docs/errors/").skip(1));
    named.filter_map(|rest| rest.split(".md").next()).map(str::to_owned).collect()
}

fn compare(tree: &Tree, folder: &str, wanted: BTreeSet<String>) -> Vec<String> {
    let page = |(path, _): (&str, &str)| path[folder.len()..path.len() - 3].to_owned();
    let pages: BTreeSet<String> = tree.under(folder, ".md").map(page).filter(|p| p != "README").collect();
    let missing = wanted.difference(&pages).map(|w| format!("{folder}{w}.md is missing"));
    let about_nothing = pages.difference(&wanted).map(|p| format!("{folder}{p}.md is about nothing that exists"));
    missing.chain(about_nothing).collect()
}
