//! `tenantry quota`: how much of what a tenant may have, and has.

use clap::{Subcommand, ValueEnum};
use hyper::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Outcome;
use super::plans::limit;
use crate::api::{self, Api, encoded};
use crate::config::Settings;
use crate::errors::Failure;
use crate::output::{Output, Rows};

const AFTER: &str = "\
Resources are declared under [resources] of tenantry.toml. A limit that is set here wins over the
tenant's plan; for a tenant below another it is what comes out of that one's, and without it it has
nothing.

Examples:
  tenantry quota show acme
  tenantry quota set acme segments=100 users=none
  tenantry quota reset acme                          the plan's limits again
  tenantry quota validate acme segments=5            would five more fit? exit code 1 if not
  tenantry quota recalculate acme --resource segments
  tenantry quota report acme --period weekly > acme.csv

The key is in TENANTRY_API_KEY or in the file that --api-key-file names.

Exit codes: 0 done, 1 it would not fit (validate), 2 could not do its work.";

/// Work with a tenant's quotas
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
    /// Show limits and use
    Show(Of),
    /// Set limits; what is not named stays
    Set {
        #[command(flatten)]
        of: Of,
        /// Limits, like segments=100; `none` for no limit
        #[arg(value_name = "RESOURCE=UNITS", required = true, value_parser = limit)]
        limits: Vec<(String, Option<i64>)>,
    },
    /// Give limits back to the plan
    Reset {
        #[command(flatten)]
        of: Of,
        /// One resource [default: all]
        #[arg(long)]
        resource: Option<String>,
    },
    /// Say whether so much more would fit
    Validate {
        #[command(flatten)]
        of: Of,
        /// Units that would come, like segments=5; several must fit together
        #[arg(value_name = "RESOURCE=UNITS", required = true, value_parser = limit)]
        increments: Vec<(String, Option<i64>)>,
    },
    /// Count the rows again, and write the limits again
    Recalculate {
        #[command(flatten)]
        of: Of,
        /// One resource [default: all]
        #[arg(long)]
        resource: Option<String>,
    },
    /// Print what was used over time, as CSV
    Report {
        #[command(flatten)]
        of: Of,
        /// A line for each
        #[arg(long, value_enum, default_value_t = Period::Monthly)]
        period: Period,
        /// The first day, like 2026-01-31 [default: a year before the last]
        #[arg(long, value_name = "DAY")]
        from: Option<jiff::civil::Date>,
        /// The last day [default: today, UTC]
        #[arg(long, value_name = "DAY")]
        to: Option<jiff::civil::Date>,
    },
}

#[derive(clap::Args)]
struct Of {
    /// The tenant, by slug or id
    #[arg(value_name = "TENANT")]
    tenant: String,
}

/// How days are put together.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Period {
    /// Each day
    Daily,
    /// From Monday to Sunday
    Weekly,
    /// By the calendar
    Monthly,
}

impl Period {
    fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }
}

/// A quota, as the API shows it.
#[derive(Deserialize)]
struct Shown {
    quota: Map<String, Value>,
    usage: Option<Map<String, Value>>,
    percentages: Option<Map<String, Value>>,
    state: State,
}

#[derive(Deserialize)]
struct State {
    plan: String,
    written: bool,
    failure: Option<String>,
    sources: Map<String, Value>,
    reserved: Map<String, Value>,
    given: Map<String, Value>,
}

/// Lines of a report.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    period: String,
    resource: String,
    limit: Option<i64>,
    used: i64,
    peak: i64,
    percent_used: Option<f64>,
}

#[derive(Deserialize)]
struct Items<T> {
    items: Vec<T>,
}

/// Does one of these.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    settings.output.only_human_or_json("quota")?;
    let api = Api::of(&args.api, &settings)?;
    let output = &settings.output;
    match args.what {
        What::Show(of) => {
            let place = api.place(&of.tenant).await?;
            show(api.get(&format!("{place}/quota")).await?.value, output)?;
        }
        What::Set { of, limits } => {
            let path = format!("{}/quota", api.place(&of.tenant).await?);
            let body: Map<String, Value> =
                limits.into_iter().map(|(name, max)| (field_of(&name), json!(max))).collect();
            show(api.call(Method::PUT, &path, Some(&body), None).await?.value, output)?;
        }
        What::Reset { of, resource } => {
            let query = resource.map(|r| format!("?resource={}", encoded(&r))).unwrap_or_default();
            let path = format!("{}/quota{query}", api.place(&of.tenant).await?);
            show(api.call(Method::DELETE, &path, None::<&()>, None).await?.value, output)?;
        }
        What::Validate { of, increments } => return validate(&of, increments, &api, output).await,
        What::Recalculate { of, resource } => {
            let path = format!("{}/quota/recalculate", api.place(&of.tenant).await?);
            recalculated(api.post(&path, &json!({ "resourceType": resource })).await?, output)?;
        }
        What::Report { of, period, from, to } => {
            let mut path =
                format!("{}/quota/report?format=json&period={}", api.place(&of.tenant).await?, period.as_str());
            for (name, day) in [("startDate", from), ("endDate", to)] {
                day.into_iter().for_each(|day| path.push_str(&format!("&{name}={day}")));
            }
            report(api.get::<Value>(&path).await?.value, output)?;
        }
    }
    Ok(Outcome::Fine)
}

/// `segments` → `maxSegments`, as the API has it.
fn field_of(resource: &str) -> String {
    let mut letters = resource.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase()).into_iter();
    "max".chars().chain(first).chain(letters).collect()
}

fn show(shown: Value, output: &Output) -> Result<(), Failure> {
    if !output.is_human() {
        return output.json(&shown);
    }
    let shown: Shown = understood(shown)?;
    let number = |map: Option<&Map<String, Value>>, name: &str| match map.and_then(|m| m.get(name)) {
        Some(Value::Number(n)) => n.to_string(),
        _ => "-".to_owned(),
    };
    let mut rows = Rows::new(&["resource", "limit", "used", "%", "reserved", "given on", "limit from"]);
    for (resource, source) in &shown.state.sources {
        let limit = match shown.quota.get(&field_of(resource)) {
            Some(Value::Number(n)) => n.to_string(),
            _ => "none".to_owned(),
        };
        rows.row([
            resource.clone(),
            limit,
            number(shown.usage.as_ref(), resource),
            number(shown.percentages.as_ref(), resource),
            number(Some(&shown.state.reserved), resource),
            number(Some(&shown.state.given), resource),
            source.as_str().unwrap_or_default().to_owned(),
        ]);
    }
    let written = match (shown.state.written, &shown.state.failure) {
        (true, _) => String::new(),
        (false, None) => ", not yet written into the application's database".to_owned(),
        (false, Some(why)) => format!(", not written into the application's database: {why}"),
    };
    output.text(&format!("{}plan {}{written}\n", rows.text(), shown.state.plan))
}

async fn validate(
    of: &Of,
    increments: Vec<(String, Option<i64>)>,
    api: &Api,
    output: &Output,
) -> Result<Outcome, Failure> {
    let mut items = Vec::new();
    for (resource, units) in increments {
        let units = units.ok_or_else(|| Failure::caller(format!("`{resource}=none` is no number of units")))?;
        items.push(json!({ "resourceType": resource, "increment": units }));
    }
    let path = format!("{}/quota/validate", api.place(&of.tenant).await?);
    match api.post::<Value>(&path, &json!({ "items": items })).await {
        Ok(_) if output.is_human() => output.text("it fits\n")?,
        Ok(verdict) => output.json(&verdict)?,
        // an answer, not a failure
        Err(failure) if failure.code.as_deref() == Some("quota-exceeded") => {
            let why = failure.said().unwrap_or("the quota is used up").to_owned();
            if output.is_human() {
                output.text(&format!("it does not fit: {why}\n"))?;
            } else {
                output.json(&json!({ "allowed": false, "why": why }))?;
            }
            return Ok(Outcome::Findings);
        }
        Err(failure) => return Err(failure),
    }
    Ok(Outcome::Fine)
}

fn recalculated(counted: Value, output: &Output) -> Result<(), Failure> {
    if !output.is_human() {
        return output.json(&counted);
    }
    let counted: Items<Map<String, Value>> = understood(counted)?;
    let mut rows = Rows::new(&["resource", "counted before", "there are", "difference"]);
    for item in &counted.items {
        let text = |name: &str| match item.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => "-".to_owned(),
        };
        rows.row([text("resourceType"), text("previousUsage"), text("currentUsage"), text("drift")]);
    }
    output.text(&rows.text())
}

fn report(lines: Value, output: &Output) -> Result<(), Failure> {
    if !output.is_human() {
        return output.json(&lines);
    }
    let lines: Items<Line> = understood(lines)?;
    let mut text = String::from("period,resource,limit,used,peak,percentUsed\n");
    for line in &lines.items {
        let limit = line.limit.map_or_else(String::new, |n| n.to_string());
        let part = line.percent_used.map_or_else(String::new, |p| format!("{p:.2}"));
        text.push_str(&format!("{},{},{limit},{},{},{part}\n", line.period, line.resource, line.used, line.peak));
    }
    output.text(&text)
}

/// What the API sent, as this version knows it.
fn understood<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|e| {
        let what = "what answers is no control plane of this version";
        Failure::new(tenantry_model::Class::Unavailable, what).because(e)
    })
}
