//! `tenantry tenant list`.

use serde_json::json;

use crate::api::{Api, encoded};
use crate::errors::Failure;
use crate::output::{Output, Rows};

/// Rows that are shown unless more are asked for.
const LIMIT_DEFAULT: usize = 100;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Words, or beginnings of words, of name, slug or external id
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    /// Only these [possible values: provisioning, failed, active, suspended, deleted, erasing, erased]
    #[arg(long, value_parser = ["provisioning", "failed", "active", "suspended", "deleted", "erasing", "erased"], hide_possible_values = true)]
    status: Option<String>,
    /// Only those of this plan
    #[arg(long)]
    plan: Option<String>,
    /// Only those below this one, by slug or id
    #[arg(long, value_name = "TENANT")]
    parent: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = LIMIT_DEFAULT, conflicts_with = "all")]
    limit: usize,
    /// All there are
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(args: &Args, api: &Api, output: &Output) -> Result<(), Failure> {
    let parent = match &args.parent {
        Some(name) => Some(api.tenant(name).await?.value.id.to_string()),
        None => None,
    };
    let given = [("search", &args.search), ("status", &args.status), ("plan", &args.plan), ("parentId", &parent)];
    let query: Vec<String> =
        given.iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(value.as_ref()?)))).collect();
    // one more than shown tells whether there are more
    let most = if args.all { usize::MAX } else { args.limit.saturating_add(1) };
    let mut tenants = api.tenants(&query.join("&"), most).await?;
    let more = !args.all && tenants.len() > args.limit;
    tenants.truncate(if args.all { usize::MAX } else { args.limit });
    if !output.is_human() {
        return output.json(&json!({ "format": 1, "tenants": tenants, "more": more }));
    }
    let mut rows = Rows::new(&["slug", "name", "plan", "status", "type", "id"]);
    for tenant in &tenants {
        rows.row([
            tenant.slug.clone(),
            tenant.name.clone(),
            tenant.subscription.plan.clone(),
            tenant.status.clone(),
            tenant.kind.clone(),
            tenant.id.to_string(),
        ]);
    }
    let rest = if more { ", and more: --limit or --all shows them" } else { "" };
    output.text(&format!("{}{} tenants{rest}\n", rows.text(), tenants.len()))
}
