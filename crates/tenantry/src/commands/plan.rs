//! `tenantry plan`: makes the blueprint and writes it down for review.

use std::path::{Path, PathBuf};

use serde_json::json;
use tenantry_blueprint::catalog::Catalog;
use tenantry_blueprint::classify::Classification;
use tenantry_blueprint::file::{Blueprint, Phase};
use tenantry_blueprint::registry::Registry;
use tenantry_blueprint::{plan, survey};
use tenantry_engine::apply::RunState;
use tenantry_engine::{journal, report, survey as data};
use tenantry_model::Class;
use tenantry_pg::Client;

use super::Outcome;
use super::apply::BLUEPRINT_FILE;
use super::reading::{Reading, accept, listed};
use super::running::summary;
use crate::config::Settings;
use crate::errors::Failure;
use crate::output::{Output, files};

const AFTER: &str = "\
Writes into DIR, all files or none:
  blueprint.json   every step, forward and backward, with the fingerprint of the schema it was made for
  up.sql           what apply and complete will run, for review
  down.sql         what rollback will run, for review
  report.html      the table map and the steps, for people

Before that it looks at the data for rows that already cross tenants: counts only, read-only, bounded in time.
What nobody could be sure of blocks the blueprint until tenantry.toml says.

Examples:
  tenantry plan --out isolation
  tenantry plan --out isolation --create-root        a single-tenant database: adds the tenant table
  tenantry plan --out isolation --no-survey          on a copy without data

Exit codes: 0 ready to apply, 1 blocked by findings, 2 could not make it.";

/// Make the blueprint: every step forward and backward, with locks and time
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The folder to write into; made if it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Add a tenant table, with a default tenant that owns every existing row
    #[arg(long)]
    create_root: bool,
    /// Do not look at the data
    #[arg(long)]
    no_survey: bool,
}

/// Reads, plans, looks at the data, writes.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    let output = settings.output;
    output.only_human_or_json("plan")?;
    let registry = settings.decisions();
    let reading = Reading::of(&settings, registry).await?;
    reading.refuse_old_server(&settings)?;
    refuse_isolated(&reading).await?;
    let options = plan::Options { create_root: args.create_root };
    let blueprint =
        make(&reading.client, &reading.catalog, &reading.classification, registry, &options, !args.no_survey, &output)
            .await?;
    let written = write(&args.out, &blueprint, &reading.classification)?;
    let blocked = blueprint.blocking().count();
    if output.is_human() {
        output.text(&human(&blueprint, &args))?;
    } else {
        let steps = |phase: Phase| blueprint.steps.iter().filter(|s| s.phase == phase).count();
        output.json(&json!({
            "format": 1, "database": blueprint.database, "fingerprint": blueprint.fingerprint, "out": args.out,
            "files": written, "blocked": blocked > 0,
            "tables_protected": blueprint.tables.len(),
            "steps": { "apply": steps(Phase::Apply), "complete": steps(Phase::Complete) },
            "seconds": blueprint.steps.iter().map(|s| s.estimate.seconds).sum::<f64>(),
            "findings": blueprint.findings,
        }))?;
    }
    Ok(Outcome::findings(blocked > 0))
}

/// A blueprint is for the schema as the application made it: what tenantry added would be planned a second time.
async fn refuse_isolated(reading: &Reading) -> Result<(), Failure> {
    let Some(journal) = journal::read(&*reading.client).await? else { return Ok(()) };
    let database = &reading.catalog.database;
    let (state, remedy) = match journal.state {
        RunState::Applying => {
            ("is being isolated", "finish with `tenantry apply DIR`, or undo with `tenantry rollback`")
        }
        RunState::Applied | RunState::Completing | RunState::Completed => (
            "is isolated already",
            "`tenantry check` says what changed since. For new tables: `tenantry rollback`, then plan and apply again",
        ),
        RunState::RollingBack => ("is being rolled back", "finish with `tenantry rollback`, then plan again"),
    };
    Err(Failure::new(
        Class::Conflict,
        format!("database {database} {state}, under the blueprint of {}", journal.started_at),
    )
    .code("wrong-state")
    .remedy(remedy))
}

/// Plans, and looks at the data if told so.
pub(super) async fn make(
    client: &Client,
    catalog: &Catalog,
    classification: &Classification,
    registry: &Registry,
    options: &plan::Options,
    look_at_data: bool,
    output: &Output,
) -> Result<Blueprint, Failure> {
    let mut blueprint = plan::plan(catalog, classification, registry, options);
    if look_at_data {
        let progress = output.progress(0);
        progress.now("looking for rows that cross tenants");
        let mut found = data::run(client, &survey::probes(catalog, classification, registry)).await?;
        progress.finish();
        accept(&mut found, registry);
        blueprint.findings.append(&mut found);
    }
    Ok(blueprint)
}

/// Writes the blueprint and what people review, all files or none. Gives their names.
pub(super) fn write(
    folder: &Path,
    blueprint: &Blueprint,
    classification: &Classification,
) -> Result<Vec<&'static str>, Failure> {
    let written = [
        (BLUEPRINT_FILE, blueprint.to_json()),
        ("up.sql", blueprint.up_sql()),
        ("down.sql", blueprint.down_sql()),
        ("report.html", report::plan_html(blueprint, classification)),
    ];
    files::write_folder(folder, &written)?;
    Ok(written.iter().map(|(name, _)| *name).collect())
}

fn human(blueprint: &Blueprint, args: &Args) -> String {
    let of = |phase: Phase| summary(blueprint.steps.iter().filter(move |s| s.phase == phase));
    let out = args.out.display();
    let mut text = format!(
        "blueprint for database {}: {} tables and partitions under a tenant policy\napply:\n  {}\ncomplete:\n  {}\n",
        blueprint.database,
        blueprint.tables.len(),
        of(Phase::Apply),
        of(Phase::Complete)
    );
    let open: Vec<_> = blueprint.findings.iter().filter(|f| f.accepted.is_none()).collect();
    let blocked = blueprint.blocking().count();
    if !open.is_empty() {
        text.push_str(&format!("\nfindings: {}, of which {blocked} block\n{}", open.len(), listed(open)));
    }
    text.push_str(&match blocked {
        0 => format!("\nwritten to {out}; review up.sql and report.html\nnext: `tenantry apply {out}`\n"),
        _ => format!("\nwritten to {out}, but blocked: settle the findings in tenantry.toml and plan again\n"),
    });
    text
}
