//! What CI runs, stage by stage, with the time each took.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::run::{cargo, program, works};
use crate::{golden, place, tidy};

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
    ("sdk", sdk),
    ("drivers", drivers),
    ("api", api),
    ("regress", regress),
    ("soak", soak),
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

#[allow(clippy::print_stdout, reason = "what the tests say is the result")]
/// All tests. Databases are real; the servers are the tests' own. All tests of a file share one process and so one
/// server, which is why this is `cargo test`: a process for each test would start a server for each.
fn tests() -> Result<()> {
    let arguments = ["test", "--workspace", "--locked", "--no-fail-fast"];
    let mut child = Command::new("cargo").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let (mut passed, mut failed) = (0, 0);
    let stdout = child.stdout.take().context("the output of cargo is piped")?;
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        if let Some(counts) = line.strip_prefix("test result: ") {
            passed += count(counts, " passed");
            failed += count(counts, " failed");
        }
        println!("{line}");
    }
    let status = child.wait()?;
    println!("{passed} passed, {failed} failed");
    if status.success() { Ok(()) } else { bail!("`cargo {}` failed ({status})", arguments.join(" ")) }
}

/// The number before a word in cargo's closing line: `ok. 12 passed; 0 failed; …`.
fn count(line: &str, word: &str) -> u64 {
    let before = line.split(word).next().unwrap_or_default();
    before.rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or_default()
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

/// The SDKs, with real drivers, through the proxy and straight to an isolated database.
fn sdk() -> Result<()> {
    script("sdk/test")
}

/// Real drivers through the proxy, as two tenants at once.
fn drivers() -> Result<()> {
    script("examples/drivers/run")
}

/// The control plane as outsiders meet it: schemathesis over the document it serves, the reference's commands, a mail server.
fn api() -> Result<()> {
    script("examples/control/run")
}

/// PostgreSQL's own regression tests say the same through the proxy as without it.
fn regress() -> Result<()> {
    script("bin/regress")
}

/// The proxy tormented for a while, from a seed that is printed: no row of another tenant, nobody stuck. Then many users of
/// the demonstration service behind gateway and proxy; and once more without the wall, where leaks have to be found.
fn soak() -> Result<()> {
    cargo(&["build", "--locked", "--quiet", "--package", "tenantry"])?;
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| place::root().join("target"), Into::into);
    let binary = target.join("debug/tenantry");
    let arguments = "run --locked --quiet --package tenantry-bench -- soak --tenants 1000 --clients 150 --seconds 30";
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let environment = [("TENANTRY", &*binary.to_string_lossy())];
    program(&cargo, &arguments, &environment)?;
    for load in ["load --seconds 20", "load --seconds 3 --sabotage"] {
        let arguments: Vec<&str> = ["examples/engage/gateway.sh"].into_iter().chain(load.split(' ')).collect();
        program("bash", &arguments, &environment)?;
    }
    Ok(())
}

fn script(path: &str) -> Result<()> {
    if !Path::new(path).exists() {
        bail!("{path} is missing");
    }
    program("bash", &[path], &[])
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn cargos_closing_line_is_counted() {
        let line = "FAILED. 30 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 126.57s";
        assert_eq!((count(line, " passed"), count(line, " failed")), (30, 3));
        assert_eq!(count("nonsense", " passed"), 0);
    }
}
