//! `tenantry tenant show`, and how one tenant is shown by all the others.

use tenantry_control::Tenant;

use crate::api::Api;
use crate::errors::Failure;
use crate::output::Output;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The tenant, by slug or id
    #[arg(value_name = "TENANT")]
    tenant: String,
}

pub(super) async fn run(args: &Args, api: &Api, output: &Output) -> Result<(), Failure> {
    one(&api.tenant(&args.tenant).await?.value, output)
}

/// Shows a tenant.
pub(super) fn one(tenant: &Tenant, output: &Output) -> Result<(), Failure> {
    if !output.is_human() {
        return output.json(tenant);
    }
    let contact = tenant.contact.clone().unwrap_or_default();
    let contact: Vec<String> = [contact.name, contact.email].into_iter().flatten().collect();
    let mut lines = vec![
        ("slug", tenant.slug.clone()),
        ("name", tenant.name.clone()),
        ("id", tenant.id.to_string()),
        ("status", tenant.status.clone()),
        ("plan", format!("{} ({})", tenant.subscription.plan, tenant.subscription.status)),
        ("type", tenant.kind.clone()),
        ("isolation", tenant.isolation_strategy.clone()),
    ];
    let more = [
        ("reason", tenant.status_reason.clone()),
        ("contact", (!contact.is_empty()).then(|| contact.join(", "))),
        ("parent", tenant.parent_id.map(|id| id.to_string())),
        ("external id", tenant.external_id.clone()),
        ("deleted", tenant.deleted_at.map(|at| at.to_string())),
        ("erased from", tenant.erase_at.map(|at| at.to_string())),
        ("made", Some(tenant.created_at.to_string())),
        ("changed", Some(tenant.updated_at.to_string())),
    ];
    lines.extend(more.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let text: String = lines.iter().map(|(name, value)| format!("{name:<12}{value}\n")).collect();
    output.text(&text)
}
