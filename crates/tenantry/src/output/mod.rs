//! Results on standard output, everything else on standard error.

pub(crate) mod files;
pub(crate) mod log;
mod progress;
mod prompt;
mod table;

use std::io::{IsTerminal, Write};

use clap::ValueEnum;
use serde::Serialize;

use crate::errors::Failure;

pub(crate) use progress::Progress;
pub(crate) use table::Rows;

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Human,
    /// One JSON document on standard output and nothing else
    Json,
    /// SARIF 2.1.0, for code scanning (check, verify)
    Sarif,
    /// JUnit XML, for CI (check, verify)
    Junit,
}

impl Format {
    /// Reads a format's name.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        <Self as ValueEnum>::from_str(text, false).map_err(|_| {
            Failure::caller(format!("there is no format `{text}`")).remedy("use human, json, sarif or junit")
        })
    }
}

/// Where and how to print.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    /// The format asked for.
    pub(crate) format: Format,
    quiet: bool,
}

impl Output {
    /// Prints in this format; `quiet` leaves out what is no result.
    pub(crate) fn new(format: Format, quiet: bool) -> Self {
        Self { format, quiet }
    }

    /// Whether people read this.
    pub(crate) fn is_human(&self) -> bool {
        self.format == Format::Human
    }

    /// Refuses the formats that only `check` and `verify` know.
    pub(crate) fn only_human_or_json(&self, command: &str) -> Result<(), Failure> {
        if matches!(self.format, Format::Human | Format::Json) {
            return Ok(());
        }
        let name = if self.format == Format::Sarif { "sarif" } else { "junit" };
        Err(Failure::caller(format!("`tenantry {command}` has no format {name}"))
            .remedy("use --format human or json; sarif and junit belong to `check` and `verify`"))
    }

    /// Prints the result as text.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        let newline = if text.ends_with('\n') { "" } else { "\n" };
        match write!(out, "{text}{newline}").and_then(|()| out.flush()) {
            // whoever reads has seen enough, as with `| head`
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(|e| Failure::caller("cannot write the result").because(e)),
        }
    }

    /// Prints the result as the one JSON document.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(|e| Failure::bug("write JSON").because(e))?;
        self.text(&text)
    }

    /// Says something to people that is no result; nothing with `--quiet`.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            // nobody is left to tell when standard error is gone
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// Whether the result may be coloured.
    pub(crate) fn has_color(&self) -> bool {
        self.is_human() && std::io::stdout().is_terminal() && !log::no_color()
    }

    /// Whether bars and prompts make sense.
    pub(crate) fn is_interactive(&self) -> bool {
        self.is_human() && !self.quiet && std::io::stderr().is_terminal()
    }
}
