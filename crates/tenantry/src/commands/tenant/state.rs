//! `tenantry tenant suspend`, `resume`, `delete` and `restore`.

use hyper::Method;
use serde_json::json;
use tenantry_control::Tenant;

use super::show;
use crate::api::Api;
use crate::config::Settings;
use crate::errors::Failure;
use crate::output::Output;

#[derive(clap::Args)]
pub(super) struct Of {
    /// The tenant, by slug or id
    #[arg(value_name = "TENANT")]
    tenant: String,
}

#[derive(clap::Args)]
pub(super) struct Suspend {
    #[command(flatten)]
    of: Of,
    /// Why: the tenant's administrators can read it
    #[arg(long)]
    reason: Option<String>,
}

pub(super) async fn suspend(args: &Suspend, api: &Api, output: &Output) -> Result<(), Failure> {
    let path = format!("{}/suspend", api.place(&args.of.tenant).await?);
    show::one(&api.post::<Tenant>(&path, &json!({ "reason": args.reason })).await?, output)
}

/// `resume`, `restore` and `retry`.
pub(super) async fn step(args: &Of, step: &str, api: &Api, output: &Output) -> Result<(), Failure> {
    let path = format!("{}/{step}", api.place(&args.tenant).await?);
    show::one(&api.post::<Tenant>(&path, &json!({})).await?, output)
}

pub(super) async fn delete(args: &Of, api: &Api, settings: &Settings) -> Result<(), Failure> {
    let now = api.tenant(&args.tenant).await?;
    let tenant = now.value;
    let question =
        format!("Delete tenant {} ({})? Its sessions end; it can be restored for 30 days.", tenant.slug, tenant.name);
    settings.output.confirm(&question, settings.yes)?;
    let path = format!("/api/tenants/{}", tenant.id);
    let gone = api.call::<Tenant>(Method::DELETE, &path, None::<&()>, now.version.as_deref()).await?;
    show::one(&gone.value, &settings.output)
}
