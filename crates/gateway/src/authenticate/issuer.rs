//! Tokens of issuers. How they are checked is `tenantry-issuer`'s; here is what is remembered of it, and what a gateway
//! makes of it.

use std::sync::Arc;

use tenantry_issuer::{Check, Refused, Waived};

use super::{Actor, Bound, digest};
use crate::ablation::{Protection, removed};
use crate::refusal::Refusal;
use crate::worker::Worker;

/// Checks a token.
pub(crate) async fn check(worker: &Worker, token: &str, now: i64) -> Result<Arc<Actor>, Refusal> {
    if token.len() > tenantry_issuer::TOKEN_BYTES_MAX {
        return Err(Refusal::CredentialRefused);
    }
    let digest = digest(token);
    if let Some(actor) = worker.proven.borrow_mut().get(&digest, now) {
        return Ok(actor);
    }
    let settings = worker.settings();
    let proven =
        tenantry_issuer::verify(&settings.issuers, token, waived()).await.map_err(|refused| match refused {
            Refused::Credential => Refusal::CredentialRefused,
            Refused::Unavailable => Refusal::IdentityUnavailable,
        })?;
    if proven.expires_at <= now {
        return Err(Refusal::CredentialRefused);
    }
    let number = super::digest(&format!("{}:{}{}", proven.issuer.len(), proven.issuer, proven.subject));
    let actor = Arc::new(Actor {
        bound: proven.tenant.map_or(Bound::Nothing, Bound::ToName),
        issuer: proven.issuer,
        subject: proven.subject.into(),
        expires_at: proven.expires_at,
        number: u128::from_be_bytes(number[..16].try_into().unwrap_or_default()),
    });
    worker.proven.borrow_mut().put(digest, &actor);
    Ok(actor)
}

/// The check that a test took away.
fn waived() -> Waived {
    let checks = [
        (Protection::TokenHeader, Check::Header),
        (Protection::TokenAlgorithm, Check::Algorithm),
        (Protection::TokenAudience, Check::Audience),
        (Protection::TokenIssuer, Check::Tenant),
    ];
    match checks.into_iter().find(|(protection, _)| removed(*protection)) {
        #[cfg(feature = "ablation")]
        Some((_, check)) => Waived::only(check),
        _ => Waived::NOTHING,
    }
}
