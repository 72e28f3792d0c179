//! `tenantry check`: the guard for CI. Is every table registered, and does the wall stand as it was applied?

use serde_json::json;
use tenantry_blueprint::drift::{self, Protection};
use tenantry_blueprint::file::{Finding, Severity};
use tenantry_engine::journal;
use tenantry_engine::verify::{Check, Report, Status};
use tenantry_model::Class;

use super::Outcome;
use super::reading::{Reading, accept, listed};
use super::verify::rendered;
use crate::config::Settings;
use crate::errors::Failure;
use crate::output::Format;

const AFTER: &str = "\
For CI, after the application's own migrations have run on a test database: fails when a table has no entry in
tenantry.toml, when an entry does not fit the table any more, or when the protection of an isolated database is not
what `apply` and `complete` left behind. Reads the catalog only.

Examples:
  tenantry check
  tenantry check --format junit > tenantry.xml
  tenantry check --format sarif > tenantry.sarif

Exit codes: 0 all is as registered, 1 findings, 2 could not read the database or the registry.";

/// Guard for CI: every table registered, protection still as applied
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {}

/// Compares the database with its registry and its journal.
pub(crate) async fn run(_: Args, settings: Settings) -> Result<Outcome, Failure> {
    if !settings.registry.exists {
        return Err(Failure::new(Class::Missing, "there is no registry to check against")
            .code("registry-unreadable")
            .remedy("write one with `tenantry inspect --write-config tenantry.toml`, or name it with --config"));
    }
    let registry = settings.decisions();
    let reading = Reading::of(&settings, registry).await?;
    let mut registered = registry.check(&reading.catalog, &reading.classification);
    accept(&mut registered, registry);
    let journal = journal::read(&*reading.client).await?;
    let mut drifted =
        journal.as_ref().and_then(|j| Some((&j.blueprint, j.protection.as_ref()?))).map(|(blueprint, was)| {
            let mut found = drift::compare(was, &Protection::of(&reading.catalog, blueprint));
            accept(&mut found, registry);
            found
        });
    let open = |f: &&Finding| f.accepted.is_none();
    let findings: Vec<&Finding> = registered.iter().chain(drifted.iter().flatten()).filter(open).collect();
    let any = !findings.is_empty();
    match settings.output.format {
        Format::Human => {
            let wall = match &drifted {
                None => "not isolated: protection was not compared",
                Some(found) if found.iter().any(|f| f.accepted.is_none()) => "isolated: the protection has changed",
                Some(_) => "isolated: the protection stands as it was applied",
            };
            let text = format!(
                "database {}: {} tables; {wall}\nfindings: {}\n",
                reading.catalog.database,
                reading.classification.tables.len(),
                findings.len()
            );
            settings.output.text(&(text + &listed(findings)))?;
        }
        Format::Json => settings.output.json(&json!({
            "format": 1, "database": reading.catalog.database, "isolated": journal.is_some(), "findings": findings,
        }))?,
        Format::Sarif | Format::Junit => {
            let report = as_report(&reading, &registered, drifted.take());
            settings.output.text(&rendered(&report, &settings.output))?;
        }
    }
    Ok(Outcome::findings(any))
}

/// The findings in the shape of verify's report, which knows SARIF and JUnit.
fn as_report(reading: &Reading, registered: &[Finding], drifted: Option<Vec<Finding>>) -> Report {
    let mut checks = group("registry", "Every table is registered", registered);
    match &drifted {
        Some(found) => checks.extend(group("protection", "The protection stands as it was applied", found)),
        None => checks.push(Check {
            status: Status::Skipped,
            evidence: "the database is not isolated".into(),
            ..passed("protection", "The protection stands as it was applied")
        }),
    }
    let mut report = Report {
        format: 1,
        passed: 0,
        failed: 0,
        residual: 0,
        skipped: 0,
        tool: env!("CARGO_PKG_VERSION").into(),
        database: reading.catalog.database.clone(),
        server_version: reading.version().to_string(),
        started_at: jiff::Timestamp::now().to_string(),
        seconds: 0.0,
        checks,
        tables: Vec::new(),
    };
    report.count();
    report
}

/// One check per finding; one passed check if there is none.
fn group(id: &str, title: &str, findings: &[Finding]) -> Vec<Check> {
    let check = |f: &Finding| Check {
        id: f.id.clone(),
        title: f.message.clone(),
        layer: "database".into(),
        severity: f.severity,
        status: if f.accepted.is_some() { Status::Residual } else { Status::Fail },
        objects: vec![f.object.clone()],
        evidence: f.accepted.clone().unwrap_or_else(|| f.message.clone()),
        remedy: f.remedy.clone(),
    };
    if findings.is_empty() { vec![passed(id, title)] } else { findings.iter().map(check).collect() }
}

fn passed(id: &str, title: &str) -> Check {
    Check {
        id: id.into(),
        title: title.into(),
        layer: "database".into(),
        severity: Severity::High,
        status: Status::Pass,
        objects: Vec::new(),
        evidence: "read from the catalog".into(),
        remedy: String::new(),
    }
}
