//! Licences we may ship: the list of deny.toml, checked from what cargo knows wherever cargo-deny is not at hand.

use super::Tree;

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let Some(deny) = tree.text("deny.toml") else { return vec!["deny.toml is missing".into()] };
    let allowed: Vec<&str> = deny
        .lines()
        .skip_while(|l| !l.starts_with("allow = ["))
        .skip(1)
        .take_while(|l| !l.starts_with(']'))
        .filter_map(|l| l.split('"').nth(1))
        .collect();
    let packages = tree.cargo.licences();
    let bad = packages.iter().filter(|(_, licence)| !satisfied(licence, &allowed));
    bad.map(|(name, licence)| format!("{name} has licence {licence:?}, which deny.toml does not allow")).collect()
}

/// Whether an SPDX expression can be met with these licences. `OR` binds weaker than `AND`; parentheses nest.
fn satisfied(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    !tokens.is_empty() && any(&tokens, &mut at, allowed) && at == tokens.len()
}

fn any(tokens: &[&str], at: &mut usize, allowed: &[&str]) -> bool {
    let mut met = all(tokens, at, allowed);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all(tokens, at, allowed);
    }
    met
}

fn all(tokens: &[&str], at: &mut usize, allowed: &[&str]) -> bool {
    let mut met = one(tokens, at, allowed);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(tokens, at, allowed);
    }
    met
}

fn one(tokens: &[&str], at: &mut usize, allowed: &[&str]) -> bool {
    let token = tokens.get(*at).copied().unwrap_or_default();
    *at += 1;
    if token == "(" {
        let met = any(tokens, at, allowed);
        *at += 1;
        return met;
    }
    // an exception only ever grants more
    if tokens.get(*at) == Some(&"WITH") {
        *at += 2;
    }
    allowed.contains(&token)
}

#[cfg(test)]
mod tests {
    use super::satisfied;

    #[test]
    fn expressions_are_met_only_by_what_is_allowed() {
        let allowed = ["MIT", "Apache-2.0", "PostgreSQL"];
        for good in
            ["MIT", "MIT/GPL-3.0", "(Apache-2.0 OR MIT) AND PostgreSQL", "Apache-2.0 WITH LLVM-exception OR GPL-3.0"]
        {
            assert!(satisfied(good, &allowed), "{good}");
        }
        for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND GPL-2.0", "MIT) OR MIT"] {
            assert!(!satisfied(bad, &allowed), "{bad}");
        }
    }
}
