//! `tenantry audit list`: what happened to a tenant, newest first, as the control plane tells it.

use serde_json::{Value, json};
use tenantry_control::audit::Shown;

use super::Outcome;
use crate::api::{Api, Place, encoded};
use crate::config::Settings;
use crate::errors::Failure;
use crate::output::Rows;

/// Entries that are shown unless more are asked for.
const LIMIT_DEFAULT: usize = 50;

/// List what happened to a tenant, newest first, over the control plane's API
#[derive(clap::Args)]
pub(super) struct Args {
    /// The tenant, by slug or id
    #[arg(value_name = "TENANT")]
    tenant: String,
    /// Only this kind, like TENANT_SUSPENDED
    #[arg(long)]
    action: Option<String>,
    /// Only these [possible values: LOW, MEDIUM, HIGH, CRITICAL]
    #[arg(long, ignore_case = true, value_parser = ["LOW", "MEDIUM", "HIGH", "CRITICAL"], hide_possible_values = true)]
    severity: Option<String>,
    /// Only these [possible values: SUCCESS, FAILURE, DENIED]
    #[arg(long, ignore_case = true, value_parser = ["SUCCESS", "FAILURE", "DENIED"], hide_possible_values = true)]
    outcome: Option<String>,
    /// From this moment on, like 2027-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<jiff::Timestamp>,
    /// Before this moment
    #[arg(long, value_name = "TIME")]
    to: Option<jiff::Timestamp>,
    /// At most so many
    #[arg(long, default_value_t = LIMIT_DEFAULT)]
    limit: usize,
    #[command(flatten)]
    api: Place,
}

pub(super) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    settings.output.only_human_or_json("audit list")?;
    let api = Api::of(&args.api, &settings)?;
    let upper = |text: &Option<String>| text.as_ref().map(|t| t.to_ascii_uppercase());
    let given = [
        ("action", args.action.clone()),
        ("severity", upper(&args.severity)),
        ("outcome", upper(&args.outcome)),
        ("from", args.from.map(|at| at.to_string())),
        ("to", args.to.map(|at| at.to_string())),
    ];
    let query: Vec<String> =
        given.iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(value.as_ref()?)))).collect();
    let path = format!("{}/audit", api.place(&args.tenant).await?);
    let entries: Vec<Shown> = api.list(&path, &query.join("&"), args.limit).await?;
    if !settings.output.is_human() {
        settings.output.json(&json!({ "format": 1, "entries": entries }))?;
        return Ok(Outcome::Fine);
    }
    let mut rows = Rows::new(&["when", "action", "severity", "outcome", "who", "metadata"]);
    for entry in &entries {
        let who = ["name", "id", "type"].iter().find_map(|field| entry.actor.get(field)?.as_str());
        rows.row([
            entry.occurred_at.strftime("%F %T").to_string(),
            entry.action.clone(),
            entry.severity.clone(),
            entry.outcome.clone(),
            who.unwrap_or("-").to_owned(),
            if entry.metadata == Value::Null { "-".to_owned() } else { entry.metadata.to_string() },
        ]);
    }
    settings.output.text(&format!("{}{} entries\n", rows.text(), entries.len()))?;
    Ok(Outcome::Fine)
}
