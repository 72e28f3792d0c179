//! What CI runs, stage by stage, with the time each took.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::run::{cargo, program, works};
use crate::{golden, tidy};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only the stages whose name contains one of these words
    #[arg(value_name = "STAGE")]
    only: Vec<String>,
    /// Go on after a stage failed
    #[arg(long)]
    keep_going: bool,
}

type Stage = (&'static str, fn() -> Result<()>);

/// Quick ones first.
const STAGES: &[Stage] = &[
    ("format", || cargo(&["fmt", "--all", "--check"])),
    ("tidy", tidy::run),
    ("golden", || golden::run(false)),
    ("deny", deny),
    ("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"])),
    ("tests", tests),
    ("docs", rustdoc),
    ("examples", examples),
    ("pgrls", pgrls),
];

/// Runs the stages.
pub(crate) fn run(args: &Args) -> Result<()> {
    let wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|o| name.contains(o.as_str()));
    let (mut passed, mut failed) = (Vec::new(), Vec::new());
    for (name, stage) in STAGES.iter().filter(|(name, _)| wanted(name)) {
        eprintln!("==> {name}");
        let begin = Instant::now();
        let result = stage();
        let seconds = begin.elapsed().as_secs_f64();
        match result {
            Ok(()) => passed.push(format!("{name} {seconds:.0} s")),
            Err(error) => {
                eprintln!("{name} failed: {error:#}");
                failed.push(format!("{name} {seconds:.0} s"));
                if !args.keep_going {
                    break;
                }
            }
        }
    }
    eprintln!("stages passed: {}", passed.join(", "));
    if failed.is_empty() { Ok(()) } else { bail!("stages failed: {}", failed.join(", ")) }
}

/// Bans, licences and sources, where cargo-deny is at hand; tidy checks the same from cargo's own word.
fn deny() -> Result<()> {
    if !works("cargo", &["deny", "--version"]) {
        eprintln!("cargo-deny is not installed; tidy has checked bans, licences and sources");
        return Ok(());
    }
    cargo(&["deny", "--offline", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"])
}

/// All tests. Databases are real; the servers are the tests' own.
fn tests() -> Result<()> {
    if works("cargo", &["nextest", "--version"]) {
        cargo(&["nextest", "run", "--workspace", "--locked", "--no-fail-fast"])?;
        return cargo(&["test", "--workspace", "--locked", "--doc", "--quiet"]);
    }
    cargo(&["test", "--workspace", "--locked", "--no-fail-fast"])
}

/// Links in doc comments lead somewhere.
fn rustdoc() -> Result<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let arguments = ["doc", "--workspace", "--no-deps", "--locked", "--quiet", "--document-private-items"];
    program(&cargo, &arguments, &[("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links")])
}

/// The examples' own tests.
fn examples() -> Result<()> {
    script("examples/test")
}

/// The outside judge: no error of pgrls on any isolated database of the corpus.
fn pgrls() -> Result<()> {
    script("bin/lib/pgrls.sh")
}

fn script(path: &str) -> Result<()> {
    if !Path::new(path).exists() {
        bail!("{path} is missing");
    }
    program("bash", &[path], &[])
}
