//! Other programs.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs cargo and shows what it says.
pub(crate) fn cargo(arguments: &[&str]) -> Result<()> {
    program(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()), arguments, &[])
}

/// Runs a program, with more environment, and shows what it says.
pub(crate) fn program(name: &str, arguments: &[&str], env: &[(&str, &str)]) -> Result<()> {
    let mut command = Command::new(name);
    command.args(arguments).envs(env.iter().copied()).stdin(Stdio::null());
    let status = command.status().with_context(|| format!("cannot run {name}"))?;
    if !status.success() {
        bail!("`{name} {}` failed ({status})", arguments.join(" "));
    }
    Ok(())
}

/// What a program prints.
pub(crate) fn output(name: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(name).args(arguments).output().with_context(|| format!("cannot run {name}"))?;
    if !output.status.success() {
        bail!("`{name} {}`: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Whether a program is there and runs.
pub(crate) fn works(name: &str, arguments: &[&str]) -> bool {
    let status = Command::new(name).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|s| s.success())
}
