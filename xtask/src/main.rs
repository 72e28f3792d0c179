//! The project's own chores: what CI runs, house rules no compiler knows, scaffolds.
//!
//! `cargo xtask ci` is exactly what CI runs.

mod ci;
mod deps;
mod golden;
mod new;
mod place;
mod run;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own chores")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Everything CI runs, in its order
    Ci(ci::Args),
    /// The house rules that no compiler knows
    Tidy,
    /// Compare the list of direct dependencies with its golden file
    Golden {
        /// Write the golden file instead
        #[arg(long)]
        bless: bool,
    },
    /// Start a new rule, step, attack or hazard: its file, its entry, its page
    New(new::Args),
    /// Write the OpenAPI document of the control plane
    Openapi,
    /// Run the benchmarks and print ratios
    Bench {
        /// Handed to `bench/run`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run_chore() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_chore() -> anyhow::Result<()> {
    std::env::set_current_dir(place::root())?;
    match Cli::parse().chore {
        Chore::Ci(args) => ci::run(&args),
        Chore::Tidy => tidy::run(),
        Chore::Golden { bless } => golden::run(bless),
        Chore::New(args) => new::run(&args),
        Chore::Openapi => {
            let words = ["test", "-q", "-p", "tenantry-control", "--test", "it", "the_document_is_the_golden_one"];
            run::program("cargo", &words, &[("TENANTRY_GOLDEN", "1")])
        }
        Chore::Bench { arguments } => {
            let mut words = vec!["bench/run"];
            words.extend(arguments.iter().map(String::as_str));
            run::program("bash", &words, &[])
        }
    }
}
