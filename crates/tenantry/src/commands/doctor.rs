//! `tenantry doctor`: is this server, and this login, fit for isolation? Reads only.

mod settings;

use serde::Serialize;
use tenantry_blueprint::hazards;
use tenantry_engine::inspect::server;

use super::Outcome;
use super::reading::{Reading, severity};
use crate::config::Settings;
use crate::errors::Failure;

const AFTER: &str = "\
Looks at the server's release and settings, the rights of this login, logins that walk past row-level security,
indexes whose operators lose them under row-level security, and objects that run with other people's rights.

Examples:
  tenantry doctor
  tenantry doctor --format json | jq '.findings[] | select(.status == \"bad\")'

Exit codes: 0 fit, 1 something should be changed first, 2 could not look.";

/// Areas of `hazards` that say something about server and objects rather than about tenancy.
const UNSAFE_OBJECTS: &[&str] = &[
    "definer-function",
    "leakproof-wrongly",
    "materialized-view",
    "superuser-or-bypass",
    "view-not-invoker",
    "dangerous-extension",
    "large-objects",
    "secret-in-setting",
    "login-owns-tables",
];
const LOST_INDEXES: &[&str] = &["non-leakproof-index"];

/// Check version, roles, settings, operators that lose their index, unsafe objects
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {}

/// How good one thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Health {
    Bad,
    Warn,
    Ok,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    area: &'static str,
    status: Health,
    object: String,
    message: String,
    remedy: String,
}

impl Finding {
    fn new(area: &'static str, status: Health, object: impl Into<String>, message: impl Into<String>) -> Self {
        Self { area, status, object: object.into(), message: message.into(), remedy: String::new() }
    }

    fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: remedy.into(), ..self }
    }
}

/// Looks at everything and prints it, worst first.
pub(crate) async fn run(_: Args, settings: Settings) -> Result<Outcome, Failure> {
    settings.output.only_human_or_json("doctor")?;
    let reading = Reading::of(&settings, settings.decisions()).await?;
    let facts = server::facts(&reading.client).await?;
    let mut found = vec![version(&facts, &settings), writable(&facts)];
    found.extend(login(&reading).await?);
    found.extend(settings::look(&reading.client).await?);
    found.extend(objects(&reading, &settings));
    found.sort_by_key(|f| f.status);
    let bad = found.iter().any(|f| f.status == Health::Bad);
    if settings.output.is_human() {
        settings.output.text(&human(&reading, &found))?;
    } else {
        settings.output.json(&serde_json::json!({
            "format": 1, "database": reading.catalog.database, "server_version": reading.version().to_string(),
            "fit": !bad, "findings": found,
        }))?;
    }
    Ok(Outcome::findings(bad))
}

fn version(facts: &server::Facts, settings: &Settings) -> Finding {
    let text = format!("PostgreSQL {}", facts.version);
    match facts.check_version(settings.allow_old_server) {
        Ok(()) if facts.version.is_below_floor() => {
            Finding::new("version", Health::Warn, text, "row-level security has known holes in this release (allowed)")
        }
        Ok(()) => Finding::new("version", Health::Ok, text, "no known way around row-level security"),
        Err(e) => Finding::new("version", Health::Bad, text, e.to_string()).remedy("update the server"),
    }
}

fn writable(facts: &server::Facts) -> Finding {
    match facts.check_writable() {
        Ok(()) => Finding::new("server", Health::Ok, "primary", "takes changes"),
        Err(e) => Finding::new("server", Health::Bad, "server", e.to_string()),
    }
}

/// What this login lacks to isolate the database.
async fn login(reading: &Reading) -> Result<Vec<Finding>, Failure> {
    let missing = server::missing_rights(&reading.client, &reading.catalog).await?;
    if missing.is_empty() {
        return Ok(vec![Finding::new("login", Health::Ok, "this login", "may do everything isolation needs")]);
    }
    let finding = |m: server::MissingRight| {
        Finding::new("login", Health::Bad, "this login", format!("lacks a right: {}", m.purpose)).remedy(m.grant)
    };
    Ok(missing.into_iter().map(finding).collect())
}

/// Hazards that concern indexes and objects, as inspect finds them.
fn objects(reading: &Reading, settings: &Settings) -> Vec<Finding> {
    let all = hazards::find(&reading.catalog, &reading.classification, settings.decisions());
    let mut found = Vec::new();
    for (area, ids) in [("indexes", LOST_INDEXES), ("objects", UNSAFE_OBJECTS)] {
        let open: Vec<_> = all.iter().filter(|h| ids.contains(&h.id.as_str()) && h.accepted.is_none()).collect();
        if open.is_empty() {
            found.push(Finding::new(area, Health::Ok, "all", "nothing that row-level security would trip over"));
        }
        let finding = |h: &&tenantry_blueprint::file::Finding| {
            let message = format!("{} ({}, {})", h.message, h.id, severity(h.severity));
            Finding::new(area, Health::Warn, h.object.clone(), message).remedy(h.remedy.clone())
        };
        found.extend(open.iter().map(finding));
    }
    found
}

fn human(reading: &Reading, found: &[Finding]) -> String {
    let mut text = format!("database {} on PostgreSQL {}\n", reading.catalog.database, reading.version());
    for f in found {
        let word = match f.status {
            Health::Bad => "BAD ",
            Health::Warn => "warn",
            Health::Ok => "ok  ",
        };
        text.push_str(&format!("  {word}  {:<8}  {}: {}\n", f.area, f.object, f.message));
        if !f.remedy.is_empty() {
            text.push_str(&format!("                  do: {}\n", f.remedy));
        }
    }
    text
}
