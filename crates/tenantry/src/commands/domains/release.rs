//! `tenantry domains release`: the name is nobody's, and so is its proof.

use serde_json::json;
use tenantry_model::Class;

use super::Of;
use crate::commands::Outcome;
use crate::commands::tenants::find;
use crate::config::directory::Stored;
use crate::errors::Failure;
use crate::output::Output;

/// Takes name and claim from the tenant.
pub(super) fn run(of: &Of, stored: &Stored, output: &Output) -> Result<Outcome, Failure> {
    let domain = of.domain()?;
    let served = stored.change(|file| {
        let tenant = find(file, stored, &of.tenant)?;
        let before = (tenant.domains.len(), tenant.domain_claims.len());
        tenant.domains.retain(|d| *d != domain);
        tenant.domain_claims.retain(|c| c.domain != domain);
        if before == (tenant.domains.len(), tenant.domain_claims.len()) {
            return Err(Failure::new(
                Class::Missing,
                format!("tenant `{}` neither has nor claims `{domain}`", of.tenant),
            )
            .code("domain-refused")
            .remedy("`tenantry domains list` shows whose it is"));
        }
        Ok(before.0 > tenant.domains.len())
    })?;
    if !output.is_human() {
        output.json(&json!({ "format": 1, "tenant": of.tenant, "domain": domain, "served": served }))?;
        return Ok(Outcome::Fine);
    }
    let what = if served { "is no longer served" } else { "is no longer claimed" };
    output.text(&format!("{domain} {what} for tenant {}\n", of.tenant))?;
    Ok(Outcome::Fine)
}
