//! `tenantry tenant update`: reads, changes what was said, and only if nobody else changed it meanwhile.

use hyper::Method;
use serde_json::json;
use tenantry_control::Tenant;

use super::create::More;
use super::show;
use crate::api::Api;
use crate::errors::Failure;
use crate::output::Output;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The tenant, by slug or id
    #[arg(value_name = "TENANT")]
    tenant: String,
    /// Another name for people
    #[arg(long)]
    name: Option<String>,
    /// Another name in host names and logins; the old one rests for 90 days
    #[arg(long)]
    slug: Option<String>,
    /// Another plan
    #[arg(long)]
    plan: Option<String>,
    /// How it stands with what it pays for [possible values: active, trialing, past_due, canceled]
    #[arg(long, value_name = "STATUS", value_parser = ["active", "trialing", "past_due", "canceled"], hide_possible_values = true)]
    subscription: Option<String>,
    #[command(flatten)]
    more: More,
}

pub(super) async fn run(args: &Args, api: &Api, output: &Output) -> Result<(), Failure> {
    let mut request = json!({});
    for (field, value) in [("name", &args.name), ("slug", &args.slug)] {
        if let Some(value) = value {
            request[field] = json!(value);
        }
    }
    for (field, value) in [("plan", &args.plan), ("status", &args.subscription)] {
        if let Some(value) = value {
            request["subscription"][field] = json!(value);
        }
    }
    args.more.add_to(&mut request);
    if request == json!({}) {
        return Err(
            Failure::caller("nothing to change was given").remedy("`tenantry tenant update --help` lists what can be")
        );
    }
    let now = api.tenant(&args.tenant).await?;
    let path = format!("/api/tenants/{}", now.value.id);
    let changed = api.call::<Tenant>(Method::PATCH, &path, Some(&request), now.version.as_deref()).await?;
    show::one(&changed.value, output)
}
