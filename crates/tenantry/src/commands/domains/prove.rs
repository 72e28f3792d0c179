//! `tenantry domains prove`: the record is there, so the name is the tenant's.

use std::net::SocketAddr;

use serde_json::json;
use tenantry_model::Class;

use super::{Of, is_expired, must_be_free, now, record_name, records};
use crate::commands::Outcome;
use crate::commands::tenants::find;
use crate::config::directory::Stored;
use crate::errors::Failure;
use crate::output::Output;

/// Looks for the record, and gives the name to the tenant if it is there.
pub(super) async fn run(
    of: &Of,
    stored: &Stored,
    resolver: Option<SocketAddr>,
    output: &Output,
) -> Result<Outcome, Failure> {
    let domain = of.domain()?;
    let mut file = stored.read()?;
    let tenant = find(&mut file, stored, &of.tenant)?;
    let key = tenant.key.clone();
    let claim = tenant.domain_claims.iter().find(|c| c.domain == domain).cloned();
    let claim = claim.ok_or_else(|| {
        Failure::new(Class::Missing, format!("tenant `{}` does not claim `{domain}`", of.tenant))
            .code("domain-refused")
            .remedy(format!("`tenantry domains claim {} {domain}` says what to set", of.tenant))
    })?;
    must_be_free(&file, &domain, &key)?;
    if claim.proven_at.is_none() && is_expired(&claim, now()) {
        return Err(Failure::caller(format!("the claim of `{domain}` is too old"))
            .code("domain-refused")
            .remedy("claim it again: there is a new record to set"));
    }
    // nothing is locked while others are asked
    let found = records::txt(&record_name(&domain), resolver).await?;
    let proven = found.contains(&claim.token);
    if proven {
        stored.change(|file| {
            // meanwhile another one may have been faster
            must_be_free(file, &domain, &key)?;
            let tenant = find(file, stored, &key)?;
            let same = tenant.domain_claims.iter_mut().find(|c| c.domain == domain && c.token == claim.token);
            let Some(same) = same else {
                return Err(Failure::new(Class::Conflict, format!("the claim of `{domain}` has changed meanwhile"))
                    .code("domain-refused")
                    .remedy("try again"));
            };
            same.proven_at = Some(now().to_string());
            if !tenant.domains.contains(&domain) {
                tenant.domains.push(domain.clone());
            }
            Ok(())
        })?;
    }
    if !output.is_human() {
        output.json(&json!({ "format": 1, "tenant": of.tenant, "domain": domain, "proven": proven,
            "record": record_name(&domain), "wanted": claim.token, "found": found }))?;
        return Ok(Outcome::findings(!proven));
    }
    if proven {
        output.text(&format!("{domain} is tenant {}'s\n", of.tenant))?;
        return Ok(Outcome::Fine);
    }
    let seen = match found.as_slice() {
        [] => "holds nothing".to_owned(),
        some => {
            format!("holds {}", some.iter().map(|s| format!("\"{}\"", s.escape_debug())).collect::<Vec<_>>().join(", "))
        }
    };
    output.text(&format!(
        "{domain} is not proven: TXT {} {seen}, wanted is \"{}\"\n",
        record_name(&domain),
        claim.token
    ))?;
    Ok(Outcome::Findings)
}
