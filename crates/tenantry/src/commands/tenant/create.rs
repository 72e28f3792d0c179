//! `tenantry tenant create`.

use serde_json::{Value, json};
use tenantry_control::Tenant;

use super::show;
use crate::api::Api;
use crate::errors::Failure;
use crate::output::Output;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Its name in host names and logins
    #[arg(value_name = "SLUG")]
    slug: String,
    /// Its name for people [default: the slug]
    #[arg(long)]
    name: Option<String>,
    /// The plan [default: free]
    #[arg(long)]
    plan: Option<String>,
    /// The tenant above it, by slug or id
    #[arg(long, value_name = "TENANT")]
    parent: Option<String>,
    /// How its data is kept apart: shared, schema or database
    #[arg(long, value_name = "STRATEGY", default_value = "shared")]
    isolation: String,
    #[command(flatten)]
    more: More,
}

/// What can be said of a tenant when it is made and later.
#[derive(clap::Args)]
pub(super) struct More {
    /// Whom to ask
    #[arg(long, value_name = "NAME")]
    contact_name: Option<String>,
    /// Their address
    #[arg(long, value_name = "ADDRESS")]
    contact_email: Option<String>,
    /// Its name in another system
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
}

impl More {
    /// Adds what was given to a request.
    pub(super) fn add_to(&self, request: &mut Value) {
        if self.contact_name.is_some() || self.contact_email.is_some() {
            request["contact"] = json!({ "name": self.contact_name, "email": self.contact_email });
        }
        if let Some(id) = &self.external_id {
            request["externalId"] = json!(id);
        }
    }
}

pub(super) async fn run(args: &Args, api: &Api, output: &Output) -> Result<(), Failure> {
    let name = args.name.as_ref().unwrap_or(&args.slug);
    let mut request = json!({ "slug": args.slug, "name": name, "isolationStrategy": args.isolation });
    if let Some(plan) = &args.plan {
        request["subscription"] = json!({ "plan": plan });
    }
    if let Some(parent) = &args.parent {
        request["parentId"] = json!(api.tenant(parent).await?.value.id);
    }
    args.more.add_to(&mut request);
    show::one(&api.post::<Tenant>("/api/tenants", &request).await?, output)
}
