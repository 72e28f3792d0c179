//! Starts a new rule, step, attack or hazard: its file in the shape of its neighbours, its place in the list, its page.

use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to start
    kind: Kind,
    /// Its name in snake case; for an attack with the catalogue's number in front: p08_write_for_other_tenant
    name: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// A classification rule
    Rule,
    /// A blueprint step
    Step,
    /// An attack of verify
    Attack,
    /// A hazard
    Hazard,
}

impl Kind {
    fn folder(self) -> &'static str {
        match self {
            Kind::Rule => "crates/blueprint/src/classify/rules",
            Kind::Step => "crates/blueprint/src/steps",
            Kind::Attack => "crates/engine/src/verify/attacks",
            Kind::Hazard => "crates/blueprint/src/hazards",
        }
    }

    fn page(self, name: &str) -> Option<String> {
        match self {
            Kind::Hazard => Some(format!("docs/hazards/{}.md", name.replace('_', "-"))),
            Kind::Attack => {
                let (id, _) = name.split_once('_')?;
                let (letter, number) = id.split_at_checked(1)?;
                Some(format!("docs/checks/{}-{number}.md", letter.to_uppercase()))
            }
            Kind::Rule | Kind::Step => None,
        }
    }
}

/// Writes the files. Nothing that exists is overwritten.
pub(crate) fn run(args: &Args) -> Result<()> {
    let name = &args.name;
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        bail!("{name:?} is no snake_case name");
    }
    let folder = args.kind.folder();
    let file = format!("{folder}/{name}.rs");
    // the shape is that of the neighbour which comes last in the alphabet, so it never goes stale
    let neighbour = neighbour(folder)?;
    write_new(&file, &std::fs::read_to_string(format!("{folder}/{neighbour}.rs"))?)?;
    println_file(&file, &format!("copied from {neighbour}.rs: replace every line of it"));
    println_file(&format!("{folder}/mod.rs"), &format!("add `{name}` to the list"));
    if let Some(page) = args.kind.page(name) {
        write_new(&page, &format!("# {name}\n"))?;
        println_file(&page, "say what it means, how to see it and what to do");
    }
    Ok(())
}

fn neighbour(folder: &str) -> Result<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read {folder}"))?
        .filter_map(|e| e.ok()?.file_name().to_str()?.strip_suffix(".rs").map(str::to_owned))
        .filter(|n| n != "mod" && n != "tools" && n != "units")
        .collect();
    names.sort();
    names.pop().with_context(|| format!("{folder} has no entry to take the shape from"))
}

fn write_new(path: &str, text: &str) -> Result<()> {
    if Path::new(path).exists() {
        bail!("{path} exists already");
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {path}"))
}

fn println_file(path: &str, what: &str) {
    eprintln!("{path}: {what}");
}
