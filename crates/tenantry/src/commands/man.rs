//! `tenantry man`, hidden: writes the manual pages, for whoever makes a package.

use std::path::PathBuf;

use clap::CommandFactory;

use super::Outcome;
use crate::cli::Cli;
use crate::config::Settings;
use crate::errors::Failure;

/// Write the manual pages into a folder
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Writes one page per command.
pub(crate) fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    let folder = args.folder.display();
    std::fs::create_dir_all(&args.folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), &args.folder))
        .map_err(|e| Failure::caller(format!("cannot write manual pages to {folder}")).because(e))?;
    settings.output.say(&format!("manual pages written to {folder}"));
    Ok(Outcome::Fine)
}
