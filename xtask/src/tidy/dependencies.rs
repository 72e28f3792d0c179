//! The direction of ARCHITECTURE.md: who may know whom, and what pure crates must not know at all.

use std::collections::BTreeSet;

use super::Tree;

/// What each crate may know of the workspace, tests left out.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("tenantry-model", &[]),
    ("tenantry-wire", &["tenantry-model"]),
    ("tenantry-blueprint", &["tenantry-model"]),
    ("tenantry-pg", &["tenantry-model"]),
    ("tenantry-edge", &["tenantry-model"]),
    ("tenantry-proxy", &["tenantry-model", "tenantry-wire", "tenantry-edge"]),
    ("tenantry-audit", &["tenantry-model", "tenantry-pg"]),
    ("tenantry-cache", &["tenantry-model", "tenantry-pg", "tenantry-edge"]),
    ("tenantry-courier", &["tenantry-model"]),
    ("tenantry-trace", &["tenantry-courier", "tenantry-model"]),
    ("tenantry-issuer", &["tenantry-courier"]),
    (
        "tenantry-gateway",
        &["tenantry-model", "tenantry-wire", "tenantry-edge", "tenantry-issuer", "tenantry-cache", "tenantry-trace"],
    ),
    ("tenantry-client", &["tenantry-model", "tenantry-pg", "tenantry-edge"]),
    (
        "tenantry-control",
        &["tenantry-audit", "tenantry-courier", "tenantry-issuer", "tenantry-model", "tenantry-pg", "tenantry-wire"],
    ),
    ("tenantry-embedded", &["tenantry-model"]),
    ("tenantry-engine", &["tenantry-model", "tenantry-blueprint", "tenantry-pg", "tenantry-wire"]),
    (
        "tenantry",
        &[
            "tenantry-audit",
            "tenantry-model",
            "tenantry-blueprint",
            "tenantry-pg",
            "tenantry-engine",
            "tenantry-embedded",
            "tenantry-edge",
            "tenantry-issuer",
            "tenantry-wire",
            "tenantry-proxy",
            "tenantry-control",
            "tenantry-courier",
            "tenantry-gateway",
        ],
    ),
    (
        "tenantry-testkit",
        &["tenantry-model", "tenantry-blueprint", "tenantry-pg", "tenantry-embedded", "tenantry-engine"],
    ),
    (
        "tenantry-bench",
        &[
            "tenantry-cache",
            "tenantry-control",
            "tenantry-edge",
            "tenantry-model",
            "tenantry-pg",
            "tenantry-blueprint",
            "tenantry-engine",
            "tenantry-testkit",
            "tenantry-wire",
        ],
    ),
    ("xtask", &[]),
];

/// Crates that decide and never act: no runtime, no connection, through any number of hops.
const PURE: &[&str] = &["tenantry-model", "tenantry-wire", "tenantry-blueprint", "tenantry-edge"];
const IMPURE: &[&str] = &["tokio", "tokio-postgres", "postgres-protocol", "sqlx", "hyper", "reqwest", "mio"];

/// Other people's code that must not come in, by any way: two crypto libraries are one too many.
const BANNED: &[&str] = &["ring", "openssl-sys", "native-tls"];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let direct = tree.cargo.direct();
    for (package, dependencies) in &direct {
        let Some((_, may)) = MAY_KNOW.iter().find(|(name, _)| name == package) else {
            found.push(format!("{package} has no place in ARCHITECTURE.md's picture: add it to {}", file!()));
            continue;
        };
        let ours = dependencies.iter().filter(|d| d.starts_with("tenantry") && !d.ends_with("(dev)"));
        found.extend(ours.filter(|d| !may.contains(&d.as_str())).map(|d| format!("{package} must not know {d}")));
    }
    for pure in PURE {
        let all = built_from(tree, pure, &mut found);
        let impure = IMPURE.iter().filter(|i| all.contains(**i));
        found.extend(impure.map(|i| format!("{pure} is pure and must not be built from {i}")));
    }
    let all = built_from(tree, "tenantry", &mut found);
    found.extend(
        BANNED.iter().filter(|b| all.contains(**b)).map(|b| format!("{b} came in: find it with `cargo tree -i {b}`")),
    );
    found.extend(tree.cargo.strangers().into_iter().map(|s| format!("{s} does not come from the public registry")));
    found
}

fn built_from(tree: &Tree, package: &str, found: &mut Vec<String>) -> BTreeSet<String> {
    tree.cargo.all(package).unwrap_or_else(|error| {
        found.push(format!("{error:#}"));
        BTreeSet::new()
    })
}
