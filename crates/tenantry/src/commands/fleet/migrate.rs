//! `tenantry fleet migrate`: begins migrations, one after the other, and waits for each.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tenantry_model::Class;

use super::files::{self, Script};
use super::{Migration, read, shown};
use crate::api::Api;
use crate::commands::Outcome;
use crate::errors::Failure;
use crate::output::Output;

/// How often to ask how far it is.
const ASK_EVERY: Duration = Duration::from_millis(500);

#[derive(clap::Args)]
#[command(disable_version_flag = true)]
pub(super) struct Args {
    /// The migration's SQL
    #[arg(long, value_name = "FILE", requires = "as_version", required_unless_present = "directory")]
    sql: Option<PathBuf>,
    /// What places are of, once they are migrated
    #[arg(long = "version", id = "as_version", value_name = "VERSION")]
    version: Option<String>,
    /// A folder of migrations, NAME.sql or NAME/migration.sql, in the order of their names; those done before are left out
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["sql", "as_version"])]
    directory: Option<PathBuf>,
    /// Places migrated at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    parallel: u16,
    /// Failures after which no other place is begun
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    stop_after: u32,
}

pub(super) async fn run(args: &Args, api: &Api, output: &Output) -> Result<Outcome, Failure> {
    let scripts = match (&args.sql, &args.version, &args.directory) {
        (Some(file), Some(version), _) => vec![files::one(file, version)?],
        (_, _, Some(folder)) => files::all(folder)?,
        _ => return Err(Failure::caller("no migration is named").remedy("give --sql and --version, or --directory")),
    };
    let mut last = None;
    for script in &scripts {
        if args.directory.is_some() && was_done(api, &script.version).await? {
            continue;
        }
        begin(args, script, api).await?;
        let migration = wait(api, &script.version, output).await?;
        let stands = migration.state != "done";
        last = Some(migration);
        if stands {
            // what comes after it may need it
            break;
        }
    }
    match last {
        Some(migration) => shown(&migration, output),
        None => {
            output.say("every migration of the folder was done before");
            super::table(&[], output)
        }
    }
}

async fn was_done(api: &Api, version: &str) -> Result<bool, Failure> {
    match read(api, version).await {
        Ok(known) => Ok(known.state == "done"),
        Err(failure) if failure.class == Class::Missing => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Begins it; one of this version that is under way is this one.
async fn begin(args: &Args, script: &Script, api: &Api) -> Result<(), Failure> {
    let request = json!({ "version": script.version, "sql": script.sql, "parallel": args.parallel, "stopAfter": args.stop_after });
    match api.post::<Value>("/api/fleet/migrations", &request).await {
        Ok(_) => Ok(()),
        Err(failure) => match read(api, &script.version).await {
            Ok(known) if known.state == "running" => Ok(()),
            _ => Err(failure),
        },
    }
}

/// Until it is at its end, or stands.
pub(super) async fn wait(api: &Api, version: &str, output: &Output) -> Result<Migration, Failure> {
    let mut said = i64::MAX;
    loop {
        let migration = read(api, version).await?;
        if migration.state != "running" {
            return Ok(migration);
        }
        if migration.open < said {
            output.say(&format!(
                "{version}: {} of {} places to go, {} failed",
                migration.open, migration.places, migration.failed
            ));
            said = migration.open;
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}
