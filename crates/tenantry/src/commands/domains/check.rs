//! `tenantry domains check`: a name that was proven once may have gone to somebody else since.

use std::net::SocketAddr;

use serde_json::json;

use super::{record_name, records};
use crate::commands::Outcome;
use crate::commands::tenants::name_of;
use crate::config::directory::Stored;
use crate::errors::Failure;
use crate::output::{Output, Rows};

/// Looks at each, and changes nothing: a record that is gone for a moment must not take a site down.
pub(super) async fn run(stored: &Stored, resolver: Option<SocketAddr>, output: &Output) -> Result<Outcome, Failure> {
    let file = stored.read()?;
    let (mut rows, mut all, mut lacking) = (Rows::new(&["domain", "tenant", "record"]), Vec::new(), 0);
    for tenant in &file.tenants {
        for claim in tenant.domain_claims.iter().filter(|c| tenant.domains.contains(&c.domain)) {
            let state = match records::txt(&record_name(&claim.domain), resolver).await {
                Ok(found) if found.contains(&claim.token) => "there",
                Ok(_) => "gone",
                Err(failure) => {
                    tracing::warn!("{failure}");
                    "unanswered"
                }
            };
            lacking += usize::from(state != "there");
            rows.row([claim.domain.clone(), name_of(tenant).to_owned(), state.to_owned()]);
            all.push(json!({ "domain": claim.domain, "tenant": name_of(tenant), "record": state }));
        }
    }
    if output.is_human() {
        output.text(&format!("{}{} of {} records are not there\n", rows.text(), lacking, all.len()))?;
    } else {
        output.json(&json!({ "format": 1, "domains": all, "lacking": lacking }))?;
    }
    Ok(Outcome::findings(lacking > 0))
}
