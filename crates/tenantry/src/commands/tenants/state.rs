//! `tenantry tenants suspend` and `resume`: the operator's switch.

use serde_json::json;
use tenantry_edge::directory::TenantState;

use super::find;
use crate::config::directory::Stored;
use crate::errors::Failure;
use crate::output::Output;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The tenant, by slug or key
    #[arg(value_name = "TENANT")]
    tenant: String,
}

/// Writes the state into the file.
pub(super) fn run(args: &Args, stored: &Stored, state: TenantState, output: &Output) -> Result<(), Failure> {
    let before = stored.change(|file| {
        let tenant = find(file, stored, &args.tenant)?;
        if tenant.state == TenantState::Deleted {
            return Err(Failure::caller(format!("tenant `{}` is deleted", args.tenant))
                .remedy("edit its `state` in the file if that is what you want"));
        }
        Ok(std::mem::replace(&mut tenant.state, state))
    })?;
    if !output.is_human() {
        return output.json(&json!({ "format": 1, "tenant": args.tenant, "state": state, "changed": before != state }));
    }
    let word = if state == TenantState::Active { "active" } else { "suspended" };
    let already = if before == state { " already" } else { "" };
    output.text(&format!("tenant {} is {word}{already}\n", args.tenant))
}
