//! `tenantry domains list`: whose names there are, and by what right.

use serde_json::json;
use tenantry_edge::directory::file::TenantEntry;

use super::{is_expired, now};
use crate::commands::Outcome;
use crate::commands::tenants::name_of;
use crate::config::directory::Stored;
use crate::errors::Failure;
use crate::output::{Output, Rows};

/// One name of a tenant.
struct Named<'a> {
    domain: &'a str,
    /// `proven`; `stated`: in the file without a proof; `claimed`; `expired`.
    state: &'static str,
    since: &'a str,
}

fn names(tenant: &TenantEntry) -> Vec<Named<'_>> {
    let claim_of = |domain: &str| tenant.domain_claims.iter().find(|c| c.domain == domain);
    let served = tenant.domains.iter().map(|domain| match claim_of(domain).and_then(|c| c.proven_at.as_deref()) {
        Some(since) => Named { domain, state: "proven", since },
        None => Named { domain, state: "stated", since: "-" },
    });
    let open = tenant.domain_claims.iter().filter(|c| !tenant.domains.contains(&c.domain)).map(|c| Named {
        domain: &c.domain,
        state: if is_expired(c, now()) { "expired" } else { "claimed" },
        since: &c.claimed_at,
    });
    served.chain(open).collect()
}

/// Prints them.
pub(super) fn run(stored: &Stored, output: &Output) -> Result<Outcome, Failure> {
    let file = stored.read()?;
    if !output.is_human() {
        let all = file.tenants.iter().flat_map(|tenant| {
            let one = |n: Named<'_>| {
                json!({ "tenant": name_of(tenant), "key": tenant.key, "domain": n.domain, "state": n.state,
                    "since": (n.since != "-").then_some(n.since) })
            };
            names(tenant).into_iter().map(one).collect::<Vec<_>>()
        });
        output.json(&json!({ "format": 1, "file": stored.path(), "domains": all.collect::<Vec<_>>() }))?;
        return Ok(Outcome::Fine);
    }
    let (mut rows, mut count) = (Rows::new(&["domain", "tenant", "state", "since"]), 0);
    for tenant in &file.tenants {
        for n in names(tenant) {
            count += 1;
            rows.row([n.domain.to_owned(), name_of(tenant).to_owned(), n.state.to_owned(), n.since.to_owned()]);
        }
    }
    output.text(&format!("{}{count} domains in {}\n", rows.text(), stored.path().display()))?;
    Ok(Outcome::Fine)
}
