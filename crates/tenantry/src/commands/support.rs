//! `tenantry support`: an operator asks to look inside a tenant, and the tenant answers, over the control plane's API.

use clap::Subcommand;
use serde_json::{Value, json};
use tenantry_control::SupportAccess;

use super::Outcome;
use crate::api::{self, Api, Page};
use crate::config::Settings;
use crate::errors::Failure;
use crate::output::{Output, Rows};

const AFTER: &str = "\
What is inside a tenant, its members, keys and log, is its own: whoever runs the platform looks at it with consent
alone, which only a person of the tenant can give, with a token of his issuer in TENANTRY_API_KEY. Each request under
it stands in the tenant's log.

Examples:
  tenantry support ask acme --reason 'ticket 4711: mails are not sent' --seconds 3600
  tenantry support list acme
  tenantry support consent acme 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d
  tenantry support end acme 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d

Exit codes: 0 done, 2 could not do its work.";

/// Ask to look inside a tenant, and answer
#[derive(clap::Args)]
#[command(after_help = AFTER, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    api: api::Place,
}

/// One support access.
#[derive(clap::Args)]
struct One {
    /// The tenant, by slug or id
    #[arg(value_name = "TENANT")]
    tenant: String,
    /// The id of the support access
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Subcommand)]
enum What {
    /// List who asked, and what was answered
    List {
        /// The tenant, by slug or id
        #[arg(value_name = "TENANT")]
        tenant: String,
    },
    /// Ask to look inside
    Ask {
        /// The tenant, by slug or id
        #[arg(value_name = "TENANT")]
        tenant: String,
        /// Why, in 10 to 500 characters: the tenant reads it
        #[arg(long)]
        reason: String,
        /// For how long, from the consent on
        #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
        seconds: i32,
    },
    /// Agree, as a person of the tenant
    Consent(One),
    /// Refuse
    Refuse(One),
    /// Turn the operator out, at once
    End(One),
}

/// Does one of these.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    settings.output.only_human_or_json("support")?;
    let api = Api::of(&args.api, &settings)?;
    let output = &settings.output;
    match args.what {
        What::List { tenant } => list(&tenant, &api, output).await,
        What::Ask { tenant, reason, seconds } => {
            let path = format!("{}/support", api.place(&tenant).await?);
            shown(&api.post(&path, &json!({ "reason": reason, "seconds": seconds })).await?, output)
        }
        What::Consent(one) => decide(&one, "consent", &api, output).await,
        What::Refuse(one) => decide(&one, "refuse", &api, output).await,
        What::End(one) => decide(&one, "end", &api, output).await,
    }?;
    Ok(Outcome::Fine)
}

async fn decide(one: &One, how: &str, api: &Api, output: &Output) -> Result<(), Failure> {
    let path = format!("{}/support/{}/{how}", api.place(&one.tenant).await?, api::encoded(&one.id));
    shown(&api.post(&path, &Value::Object(serde_json::Map::new())).await?, output)
}

fn shown(access: &SupportAccess, output: &Output) -> Result<(), Failure> {
    if !output.is_human() {
        return output.json(&json!({ "format": 1, "support": access }));
    }
    let until = access.expires_at.map(|at| format!(" until {}", at.strftime("%F %R"))).unwrap_or_default();
    output.text(&format!("support access {} is {}{until}\n", access.id, access.status))
}

async fn list(tenant: &str, api: &Api, output: &Output) -> Result<(), Failure> {
    let asked: Page<SupportAccess> = api.get(&format!("{}/support", api.place(tenant).await?)).await?.value;
    if !output.is_human() {
        return output.json(&json!({ "format": 1, "support": asked.items }));
    }
    let mut rows = Rows::new(&["id", "state", "until", "who", "why"]);
    for access in &asked.items {
        let until = access.expires_at.map_or_else(|| "-".to_owned(), |at| at.strftime("%F %R").to_string());
        rows.row([access.id.to_string(), access.status.clone(), until, access.actor.clone(), access.reason.clone()]);
    }
    output.text(&format!("{}{} requests for support access to {tenant}\n", rows.text(), asked.items.len()))
}
