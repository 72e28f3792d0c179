//! `tenantry domains claim`: what has to stand in DNS. Claiming gives nothing yet, so several may claim one name.

use serde_json::json;
use tenantry_edge::directory::domain::canonical;
use tenantry_edge::directory::file::DomainClaim;

use super::{CLAIM_HOURS, Of, is_expired, must_be_free, now, record_name};
use crate::commands::Outcome;
use crate::commands::tenants::{find, key::random_hex};
use crate::config::Settings;
use crate::config::directory::Stored;
use crate::errors::Failure;

/// Random bytes of a record: nobody guesses it, and no old one fits.
const TOKEN_BYTES: usize = 20;
/// Most claims and names of one tenant that are kept.
const CLAIMS_MAX: usize = 200;

/// Makes a claim, or says the one there is again.
pub(super) fn run(of: &Of, stored: &Stored, settings: &Settings) -> Result<Outcome, Failure> {
    let (domain, now) = (of.domain()?, now());
    must_not_be_ours(&domain, settings)?;
    let token = format!("tenantry-{}", *random_hex::<TOKEN_BYTES>()?);
    let claim = stored.change(|file| {
        let key = find(file, stored, &of.tenant)?.key.clone();
        must_be_free(file, &domain, &key)?;
        let tenant = find(file, stored, &of.tenant)?;
        if tenant.domains.contains(&domain) {
            return Err(
                Failure::caller(format!("`{domain}` is tenant `{}`'s already", of.tenant)).code("domain-refused")
            );
        }
        // one that is still good is said again: its record may be on its way
        tenant.domain_claims.retain(|c| c.domain != domain || c.proven_at.is_none() && !is_expired(c, now));
        if let Some(known) = tenant.domain_claims.iter().find(|c| c.domain == domain) {
            return Ok(known.clone());
        }
        if tenant.domain_claims.len() >= CLAIMS_MAX {
            return Err(Failure::caller(format!("tenant `{}` has {CLAIMS_MAX} claims already", of.tenant))
                .code("domain-refused")
                .remedy("release those that nobody proves; `tenantry domains list` shows them"));
        }
        let claim = DomainClaim { domain: domain.clone(), token, claimed_at: now.to_string(), proven_at: None };
        tenant.domain_claims.push(claim.clone());
        Ok(claim)
    })?;
    let name = record_name(&domain);
    if !settings.output.is_human() {
        settings.output.json(&json!({ "format": 1, "tenant": of.tenant, "domain": domain,
            "record": { "name": name, "type": "TXT", "value": claim.token }, "claimedAt": claim.claimed_at }))?;
        return Ok(Outcome::Fine);
    }
    settings.output.text(&format!("{name}. IN TXT \"{}\"\n", claim.token))?;
    tracing::info!("set this record within {} days, then run `tenantry domains prove`", CLAIM_HOURS / 24);
    Ok(Outcome::Fine)
}

/// A name under the gateway's own belongs to the operator, and the label in front of it to whose slug it is.
fn must_not_be_ours(domain: &str, settings: &Settings) -> Result<(), Failure> {
    let gateway = settings.registry.content.gateway.as_ref();
    let list = |key: &str| gateway.and_then(|g| g.get(key)?.as_array()).into_iter().flatten();
    let names = |key: &str| list(key).filter_map(|n| n.as_str().and_then(canonical)).collect::<Vec<_>>();
    let is_under = |base: &str| domain.strip_suffix(base).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let ours = names("base_domains").iter().any(|base| is_under(base)) || names("hosts").iter().any(|h| *h == domain);
    if !ours {
        return Ok(());
    }
    Err(Failure::caller(format!("`{domain}` is one of the gateway's own names"))
        .code("domain-refused")
        .remedy("a tenant is reached there by its slug; claim a domain that belongs to the tenant"))
}
