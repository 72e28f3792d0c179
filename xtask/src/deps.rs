//! The packages of the workspace and what they depend on, as cargo knows it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

/// What cargo says.
pub(crate) struct Metadata(Value);

impl Metadata {
    /// Asks cargo.
    pub(crate) fn read() -> Result<Self> {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        let host = crate::run::output("rustc", &["-vV"])?;
        let host = host.lines().find_map(|l| l.strip_prefix("host: ")).unwrap_or_default();
        // what other platforms would need is never built here
        let arguments = ["metadata", "--format-version", "1", "--locked", "--filter-platform", host];
        let text = crate::run::output(&cargo, &arguments)?;
        Ok(Self(serde_json::from_str(&text).context("cargo metadata is JSON")?))
    }

    fn packages(&self) -> impl Iterator<Item = &Value> {
        self.0["packages"].as_array().into_iter().flatten()
    }

    fn members(&self) -> impl Iterator<Item = &Value> {
        self.packages().filter(|p| p["source"].is_null())
    }

    /// The direct dependencies of each of our packages, those for tests and build scripts marked.
    pub(crate) fn direct(&self) -> BTreeMap<String, BTreeSet<String>> {
        let line = |d: &Value| {
            let name = d["name"].as_str().unwrap_or_default();
            d["kind"].as_str().map_or(name.to_owned(), |kind| format!("{name} ({kind})"))
        };
        let of = |p: &Value| p["dependencies"].as_array().into_iter().flatten().map(line).collect();
        self.members().map(|p| (p["name"].as_str().unwrap_or_default().to_owned(), of(p))).collect()
    }

    /// Everything a package of ours is built from, through any number of hops, tests left out. Cargo's tree knows
    /// which optional dependencies are really built; its metadata does not.
    pub(crate) fn all(&self, member: &str) -> Result<BTreeSet<String>> {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        let arguments = ["tree", "--locked", "-p", member, "-e", "normal,build", "--prefix", "none", "--format", "{p}"];
        let text = crate::run::output(&cargo, &arguments)?;
        Ok(text.lines().filter_map(|l| l.split_whitespace().next()).map(str::to_owned).collect())
    }

    /// Name, version and licence of every package that is not ours.
    pub(crate) fn licences(&self) -> Vec<(String, String)> {
        let foreign = self.packages().filter(|p| !p["source"].is_null());
        foreign
            .map(|p| {
                let name =
                    format!("{} {}", p["name"].as_str().unwrap_or_default(), p["version"].as_str().unwrap_or_default());
                (name, p["license"].as_str().unwrap_or_default().to_owned())
            })
            .collect()
    }

    /// Packages that come from somewhere else than the public registry.
    pub(crate) fn strangers(&self) -> Vec<String> {
        let ours = |s: &str| s == "registry+https://github.com/rust-lang/crates.io-index";
        let stranger = |p: &&Value| p["source"].as_str().is_some_and(|s| !ours(s));
        self.packages().filter(stranger).filter_map(|p| p["id"].as_str().map(str::to_owned)).collect()
    }
}
