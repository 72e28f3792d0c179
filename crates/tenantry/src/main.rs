//! The command line. The only place that knows the environment, the terminal and the process' exit code.

mod api;
mod cli;
mod commands;
mod config;
mod errors;
mod output;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::cli::Cli;
use crate::config::Settings;
use crate::errors::{Failure, exit_code};
use crate::output::Format;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // help and version are what was asked for; everything else is wrong usage
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            let _ = error.print();
            return ExitCode::from(if asked { 0 } else { 2 });
        }
    };
    output::log::start(&cli.global);
    let format = cli.global.format.unwrap_or(Format::Human);
    let result = Settings::resolve(&cli.global).and_then(|settings| run(cli, settings));
    if let Err(failure) = &result {
        failure.print(format);
    }
    ExitCode::from(exit_code(&result.map_err(|f| f.class)))
}

fn run(cli: Cli, settings: Settings) -> Result<commands::Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::bug("start the runtime").because(e))?;
    let result = runtime.block_on(commands::run(cli.command, settings));
    // a connection that does not say good-bye must not keep the process
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    result
}
