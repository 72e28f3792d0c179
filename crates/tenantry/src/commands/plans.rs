//! `tenantry plans`: what tenants can subscribe to.

use std::collections::BTreeSet;

use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};
use tenantry_control::{Limits, Plan};

use super::Outcome;
use crate::api::{self, Api, Page, encoded};
use crate::config::Settings;
use crate::errors::Failure;
use crate::output::{Output, Rows};

const AFTER: &str = "\
A plan limits resources by their names in [resources] of tenantry.toml; what it does not name has
the resource's own limit. Who has a plan gets its changes at once, unless a limit was chosen for that
tenant (`tenantry quota set`).

Examples:
  tenantry plans create team --name Team --limit segments=70 --limit users=none --feature sso
  tenantry plans update team --limit segments=80 --grace 10 --grace-hours 24
  tenantry plans show team
  tenantry plans list
  tenantry plans retire team                         who has it keeps it, nobody new gets it

`tenantry plan` (without s) is something else: the steps that isolate a database. The key is in
TENANTRY_API_KEY or in the file that --api-key-file names.

Exit codes: 0 done, 2 could not do its work.";

/// Work with the plans that tenants subscribe to
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
    /// List the plans
    List,
    /// Show one plan
    Show {
        /// The plan
        #[arg(value_name = "PLAN")]
        plan: String,
    },
    /// Make a plan
    Create {
        /// Its name in subscriptions
        #[arg(value_name = "PLAN")]
        plan: String,
        #[command(flatten)]
        says: Says,
    },
    /// Change what is given of a plan, and nothing else
    Update {
        /// The plan
        #[arg(value_name = "PLAN")]
        plan: String,
        #[command(flatten)]
        says: Says,
        /// A resource that the plan limits no more: it has its own limit again
        #[arg(long, value_name = "RESOURCE")]
        unlimit: Vec<String>,
        /// A feature it comes with no more
        #[arg(long, value_name = "FEATURE")]
        without: Vec<String>,
        /// No grace any more
        #[arg(long, conflicts_with = "grace")]
        no_grace: bool,
    },
    /// Let nobody new have a plan; who has it keeps it
    Retire {
        /// The plan
        #[arg(value_name = "PLAN")]
        plan: String,
    },
}

/// What a plan says.
#[derive(clap::Args)]
struct Says {
    /// Its name for people
    #[arg(long)]
    name: Option<String>,
    /// A limit, like segments=50; `none` for no limit
    #[arg(long, value_name = "RESOURCE=UNITS", value_parser = limit)]
    limit: Vec<(String, Option<i64>)>,
    /// What it comes with
    #[arg(long)]
    feature: Vec<String>,
    /// Percent that a tenant may go over its limits for a while
    #[arg(long, value_name = "PERCENT", requires = "grace_hours")]
    grace: Option<i16>,
    /// For how long
    #[arg(long, value_name = "HOURS", requires = "grace")]
    grace_hours: Option<i32>,
}

impl Says {
    /// Puts what was said into what is there.
    fn add_to(&self, limits: &mut Limits, features: &mut BTreeSet<String>, request: &mut Value) {
        limits.extend(self.limit.iter().cloned());
        features.extend(self.feature.iter().cloned());
        if let Some(name) = &self.name {
            request["name"] = json!(name);
        }
        if let (Some(percent), Some(hours)) = (self.grace, self.grace_hours) {
            request["grace"] = json!({ "percent": percent, "hours": hours });
        }
    }
}

/// `segments=50` or `users=none`.
pub(super) fn limit(text: &str) -> Result<(String, Option<i64>), String> {
    let form = || format!("`{text}` is no limit: give RESOURCE=UNITS, like segments=50, or segments=none");
    let (resource, units) = text.split_once('=').filter(|(resource, _)| !resource.is_empty()).ok_or_else(form)?;
    let units = if units == "none" { None } else { Some(units.parse().map_err(|_| form())?) };
    Ok((resource.to_owned(), units))
}

/// Does one of these.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    settings.output.only_human_or_json("plans")?;
    let api = Api::of(&args.api, &settings)?;
    let output = &settings.output;
    match args.what {
        What::List => list(&api, output).await,
        What::Show { plan } => one(&api.get::<Plan>(&path(&plan)).await?.value, output),
        What::Create { plan, says } => {
            let (mut limits, mut features, mut request) = (Limits::new(), BTreeSet::new(), json!({ "key": plan }));
            says.add_to(&mut limits, &mut features, &mut request);
            request["limits"] = json!(limits);
            request["features"] = json!(features);
            one(&api.post::<Plan>("/api/plans", &request).await?, output)
        }
        What::Update { plan, says, unlimit, without, no_grace } => {
            let now = api.get::<Plan>(&path(&plan)).await?;
            let (mut limits, mut features) = (now.value.limits.clone(), now.value.features.clone());
            let mut request = json!({});
            says.add_to(&mut limits, &mut features, &mut request);
            limits.retain(|resource, _| !unlimit.contains(resource));
            features.retain(|feature| !without.contains(feature));
            if limits != now.value.limits {
                request["limits"] = json!(limits);
            }
            if features != now.value.features {
                request["features"] = json!(features);
            }
            if no_grace {
                request["grace"] = Value::Null;
            }
            if request == json!({}) {
                let failure = Failure::caller("nothing to change was given, or it is so already");
                return Err(failure.remedy("`tenantry plans update --help` lists what can be"));
            }
            let (path, version) = (path(&plan), now.version.as_deref());
            one(&api.call::<Plan>(Method::PATCH, &path, Some(&request), version).await?.value, output)
        }
        What::Retire { plan } => one(&api.post::<Plan>(&format!("{}/retire", path(&plan)), &json!({})).await?, output),
    }?;
    Ok(Outcome::Fine)
}

fn path(plan: &str) -> String {
    format!("/api/plans/{}", encoded(plan))
}

async fn list(api: &Api, output: &Output) -> Result<(), Failure> {
    let plans: Page<Plan> = api.get("/api/plans").await?.value;
    if !output.is_human() {
        return output.json(&json!({ "format": 1, "plans": plans.items }));
    }
    let mut rows = Rows::new(&["plan", "name", "status", "version", "tenants", "limits", "features"]);
    for plan in &plans.items {
        rows.row([
            plan.key.clone(),
            plan.name.clone(),
            plan.status.clone(),
            plan.version.to_string(),
            plan.tenants.to_string(),
            plan.limits.len().to_string(),
            plan.features.iter().cloned().collect::<Vec<_>>().join(", "),
        ]);
    }
    output.text(&format!("{}{} plans\n", rows.text(), plans.items.len()))
}

/// Shows a plan.
fn one(plan: &Plan, output: &Output) -> Result<(), Failure> {
    if !output.is_human() {
        return output.json(plan);
    }
    let features: Vec<&str> = plan.features.iter().map(String::as_str).collect();
    let grace = plan.grace.map(|g| format!("{} % for {} hours", g.percent, g.hours));
    let lines = [
        ("plan", Some(plan.key.clone())),
        ("name", Some(plan.name.clone())),
        ("status", Some(plan.status.clone())),
        ("version", Some(plan.version.to_string())),
        ("tenants", Some(plan.tenants.to_string())),
        ("features", (!features.is_empty()).then(|| features.join(", "))),
        ("grace", grace),
        ("changed", Some(plan.updated_at.to_string())),
    ];
    let mut text: String =
        lines.into_iter().filter_map(|(name, value)| Some(format!("{name:<12}{}\n", value?))).collect();
    if !plan.limits.is_empty() {
        let mut rows = Rows::new(&["resource", "limit"]);
        for (resource, max) in &plan.limits {
            rows.row([resource.clone(), max.map_or_else(|| "none".to_owned(), |n| n.to_string())]);
        }
        text.push_str(&format!("\n{}", rows.text()));
    }
    output.text(&text)
}

#[cfg(test)]
mod tests {
    use super::limit;

    #[test]
    fn limits_as_they_are_typed() {
        assert_eq!(limit("segments=50").unwrap(), ("segments".to_owned(), Some(50)));
        assert_eq!(limit("users=none").unwrap(), ("users".to_owned(), None));
        for bad in ["", "=5", "segments", "segments=", "segments=x", "segments=1.5", "segments=99999999999999999999"] {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }
}
