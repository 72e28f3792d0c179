//! `tenantry tenants list`: who there is.

use serde_json::json;

use super::name_of;
use crate::config::directory::Stored;
use crate::errors::Failure;
use crate::output::{Output, Rows};

/// Prints the tenants, and of their credentials the public names alone.
pub(super) fn run(stored: &Stored, output: &Output) -> Result<(), Failure> {
    let file = stored.read()?;
    let state = |t: &tenantry_edge::directory::file::TenantEntry| format!("{:?}", t.state).to_lowercase();
    if !output.is_human() {
        let tenants: Vec<_> = file
            .tenants
            .iter()
            .map(|t| {
                let keys = t.credentials.iter();
                let keys: Vec<_> = keys.map(|c| json!({ "id": c.id, "expires_at": c.expires_at })).collect();
                json!({ "key": t.key, "slug": t.slug, "plan": t.plan, "state": state(t), "keys": keys })
            })
            .collect();
        return output.json(&json!({ "format": 1, "file": stored.path(), "tenants": tenants }));
    }
    let mut rows = Rows::new(&["tenant", "key", "plan", "state", "api keys"]);
    for tenant in &file.tenants {
        let keys: Vec<&str> = tenant.credentials.iter().map(|c| c.id.as_str()).collect();
        rows.row([
            name_of(tenant).to_owned(),
            tenant.key.clone(),
            tenant.plan.clone().unwrap_or_else(|| "-".into()),
            state(tenant),
            if keys.is_empty() { "-".to_owned() } else { keys.join(" ") },
        ]);
    }
    output.text(&format!("{}{} tenants in {}\n", rows.text(), file.tenants.len(), stored.path().display()))
}
