//! `tenantry fleet`: tenants with a schema or database of their own, and the application's migrations across them.

mod files;
mod migrate;

use clap::Subcommand;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Outcome;
use crate::api::{self, Api, encoded};
use crate::config::Settings;
use crate::errors::Failure;
use crate::output::{Output, Rows};

const AFTER: &str = "\
A migration is SQL of the application. In each place it runs in one transaction, with the tenant's schema alone on the
search path and as the schema's owner; the templates are migrated first. The control plane does the work, so it goes on
when this command is stopped; run again, it waits for the same migration.

Examples:
  tenantry fleet list
  tenantry fleet migrate --sql add-stars.sql --version v2
  tenantry fleet migrate --directory migrations --parallel 8 --stop-after 3
  tenantry fleet status v2
  tenantry fleet resume v2
  tenantry fleet abandon v2

Exit codes: 0 done, 1 some places could not be migrated, 2 could not do its work.";

/// Work with all tenants that have a schema or database of their own
#[derive(clap::Args)]
#[command(after_help = AFTER, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    api: api::Place,
}

#[derive(Subcommand)]
enum What {
    /// List the tenants, and how many are of which version of the application
    #[command(disable_version_flag = true)]
    List {
        /// Only those of this version; `none` for those nobody said of
        #[arg(long = "version", value_name = "VERSION")]
        of: Option<String>,
    },
    /// Migrate all places, and wait for it
    Migrate(migrate::Args),
    /// Show how far a migration is [default: all of them]
    Status {
        /// Its version
        #[arg(value_name = "VERSION")]
        migration: Option<String>,
    },
    /// Let a migration that stopped go on, and wait for it
    Resume {
        /// Its version
        #[arg(value_name = "VERSION")]
        migration: String,
    },
    /// Leave a migration undone where it is not done
    Abandon {
        /// Its version
        #[arg(value_name = "VERSION")]
        migration: String,
    },
}

/// A tenant of the fleet.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    tenant_id: String,
    slug: String,
    status: String,
    strategy: String,
    database: String,
    application_version: Option<String>,
}

/// A migration, as the API shows it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Migration {
    version: String,
    state: String,
    places: i64,
    open: i64,
    failed: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    failures: Vec<Refused>,
}

/// A place that could not be migrated.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refused {
    tenant_id: Option<String>,
    database_id: Option<String>,
    failure: String,
}

/// Does one of these.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    settings.output.only_human_or_json("fleet")?;
    let api = Api::of(&args.api, &settings)?;
    let output = &settings.output;
    match args.what {
        What::List { of } => list(of.as_deref(), &api, output).await,
        What::Migrate(args) => migrate::run(&args, &api, output).await,
        What::Status { migration: Some(version) } => shown(&read(&api, &version).await?, output),
        What::Status { migration: None } => {
            let all: api::Page<Migration> = api.get("/api/fleet/migrations").await?.value;
            table(&all.items, output)
        }
        What::Resume { migration: version } => {
            api.post::<Value>(&format!("{}/resume", place(&version)), &json!({})).await?;
            shown(&migrate::wait(&api, &version, output).await?, output)
        }
        What::Abandon { migration: version } => {
            api.post::<Value>(&format!("{}/abandon", place(&version)), &json!({})).await?;
            shown(&read(&api, &version).await?, output)
        }
    }
}

fn place(version: &str) -> String {
    format!("/api/fleet/migrations/{}", encoded(version))
}

async fn read(api: &Api, version: &str) -> Result<Migration, Failure> {
    Ok(api.get(&place(version)).await?.value)
}

async fn list(version: Option<&str>, api: &Api, output: &Output) -> Result<Outcome, Failure> {
    let query = version.map(|v| format!("version={}", encoded(v))).unwrap_or_default();
    let members: Vec<Member> = api.list("/api/fleet", &query, usize::MAX).await?;
    if !output.is_human() {
        output.json(&json!({ "format": 1, "tenants": members }))?;
        return Ok(Outcome::Fine);
    }
    let mut rows = Rows::new(&["slug", "version", "strategy", "database", "status", "id"]);
    let mut versions = std::collections::BTreeMap::<String, usize>::new();
    for m in members {
        let version = m.application_version.unwrap_or_else(|| "none".to_owned());
        *versions.entry(version.clone()).or_default() += 1;
        rows.row([m.slug, version, m.strategy, m.database, m.status, m.tenant_id]);
    }
    let versions: Vec<String> = versions.iter().map(|(version, n)| format!("{n} of {version}")).collect();
    output.text(&format!("{}{}\n", rows.text(), versions.join(", ")))?;
    Ok(Outcome::Fine)
}

/// Shows one migration; findings are places that failed.
fn shown(migration: &Migration, output: &Output) -> Result<Outcome, Failure> {
    if output.is_human() {
        table(std::slice::from_ref(migration), output)?;
        for failure in &migration.failures {
            let whose = match (&failure.tenant_id, &failure.database_id) {
                (Some(tenant), _) => format!("tenant {tenant}"),
                (None, database) => format!("template of database {}", database.as_deref().unwrap_or("?")),
            };
            output.text(&format!("{whose}: {}\n", failure.failure))?;
        }
    } else {
        output.json(migration)?;
    }
    Ok(Outcome::findings(migration.failed > 0))
}

fn table(migrations: &[Migration], output: &Output) -> Result<Outcome, Failure> {
    if !output.is_human() {
        output.json(&json!({ "format": 1, "migrations": migrations }))?;
        return Ok(Outcome::Fine);
    }
    let mut rows = Rows::new(&["version", "state", "places", "done", "failed", "open"]);
    for m in migrations {
        rows.row([
            m.version.clone(),
            m.state.clone(),
            m.places.to_string(),
            (m.places - m.open - m.failed).to_string(),
            m.failed.to_string(),
            m.open.to_string(),
        ]);
    }
    output.text(&rows.text())?;
    Ok(Outcome::Fine)
}
