//! Tokens of issuers: JWTs, checked with the keys, the algorithms and for the audience of the one issuer they name.
//!
//! The issuer is chosen by its exact name; its keys are its own, so that two issuers may use one key id. Keys that are
//! fetched are fetched by one at a time, and again for an unknown key id at most once a minute: nobody can make us ask
//! more often. A token's header chooses nothing but the key id.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use super::{Actor, Bound, digest};
use crate::ablation::{Protection, removed};
use crate::fetch;
use crate::identify::names;
use crate::refusal::Refusal;
use crate::worker::Worker;

/// Longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// How far clocks may differ, in seconds. What is remembered ends with the token's own time all the same.
const LEEWAY_SECONDS: u64 = 30;
/// Keys are fetched again for an unknown key id after this, at the earliest.
const FETCH_AGAIN_AFTER: Duration = Duration::from_secs(60);
/// Keys of a set that are looked at.
const KEYS_MAX: usize = 100;

/// Where an issuer's keys are.
#[derive(Clone)]
pub enum KeySource {
    /// They were read already.
    Set(String),
    /// At this address.
    Url(String),
    /// Where the issuer's own `/.well-known/openid-configuration` says.
    Discovery,
}

/// Who signs tokens. Made once, shared by all threads.
pub struct IssuerSettings {
    name: Arc<str>,
    audiences: Vec<String>,
    algorithms: Vec<Algorithm>,
    source: KeySource,
    tenant_claims: Vec<String>,
    tenant: Option<Arc<str>>,
    token_type: Option<String>,
    client: Option<Arc<rustls::ClientConfig>>,
    ring: arc_swap::ArcSwap<Ring>,
    fetched: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Ring {
    by_id: HashMap<String, Arc<DecodingKey>>,
    nameless: Option<Arc<DecodingKey>>,
}

/// An issuer that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// No such algorithm, or one that is no good with public keys.
    #[error(
        "`{0}` is no algorithm for tokens here: use EdDSA, ES256, ES384, RS256, RS384, RS512, PS256, PS384 or PS512"
    )]
    Algorithm(String),
    /// None is named.
    #[error("issuer `{0}` has no {1}: tokens would be taken that are not for us")]
    Missing(String, &'static str),
    /// The keys cannot be read.
    #[error("the keys of issuer `{0}` cannot be read as a JWK set")]
    Keys(String),
}

/// What an issuer is made of.
pub struct IssuerParts {
    /// As it stands in `iss`, to the letter.
    pub issuer: String,
    /// For whom its tokens have to be.
    pub audiences: Vec<String>,
    /// How they are signed.
    pub algorithms: Vec<String>,
    /// Where its keys are.
    pub source: KeySource,
    /// Claims that name the tenant.
    pub tenant_claims: Vec<String>,
    /// The one tenant whose issuer it is, by slug or key.
    pub tenant: Option<String>,
    /// What `typ` has to be, if it matters.
    pub token_type: Option<String>,
    /// For fetching over TLS.
    pub client: Option<Arc<rustls::ClientConfig>>,
}

impl IssuerSettings {
    /// An issuer of these parts.
    pub fn new(parts: IssuerParts) -> Result<Self, IssuerError> {
        let IssuerParts { issuer, audiences, algorithms, source, tenant_claims, tenant, token_type, client } = parts;
        let named = algorithms.iter().map(|name| algorithm(name).ok_or_else(|| IssuerError::Algorithm(name.clone())));
        let algorithms = named.collect::<Result<Vec<_>, _>>()?;
        for (what, is_empty) in [("audience", audiences.is_empty()), ("algorithm", algorithms.is_empty())] {
            if is_empty {
                return Err(IssuerError::Missing(issuer, what));
            }
        }
        let ring = match &source {
            KeySource::Set(text) => ring(text.as_bytes()).ok_or_else(|| IssuerError::Keys(issuer.clone()))?,
            _ => Ring::default(),
        };
        let (name, tenant) = (issuer.into(), tenant.map(Into::into));
        let (ring, fetched) = (arc_swap::ArcSwap::from_pointee(ring), tokio::sync::Mutex::new(None));
        Ok(Self { name, audiences, algorithms, source, tenant_claims, tenant, token_type, client, ring, fetched })
    }

    fn key(&self, id: Option<&str>) -> Option<Arc<DecodingKey>> {
        let ring = self.ring.load();
        match id {
            Some(id) => ring.by_id.get(id).cloned(),
            None => ring.nameless.clone(),
        }
    }

    /// The key of this id, fetched if need be.
    async fn key_or_fetch(&self, id: Option<&str>) -> Result<Arc<DecodingKey>, Refusal> {
        if let Some(key) = self.key(id) {
            return Ok(key);
        }
        if matches!(self.source, KeySource::Set(_)) {
            return Err(Refusal::CredentialRefused);
        }
        // whoever waited here finds what the one before has fetched
        let mut fetched = self.fetched.lock().await;
        if let Some(key) = self.key(id) {
            return Ok(key);
        }
        let ring = self.ring.load();
        let has_any = !ring.by_id.is_empty() || ring.nameless.is_some();
        if fetched.is_some_and(|at| at.elapsed() < FETCH_AGAIN_AFTER) {
            return Err(if has_any { Refusal::CredentialRefused } else { Refusal::IdentityUnavailable });
        }
        *fetched = Some(Instant::now());
        match self.fetch().await {
            Some(ring) => self.ring.store(Arc::new(ring)),
            None => {
                tracing::warn!("the keys of issuer {} cannot be fetched", self.name);
                // a set that once was there goes on; for whoever has nothing a moment counts, not a minute
                if !has_any {
                    *fetched = None;
                }
                return Err(Refusal::IdentityUnavailable);
            }
        }
        self.key(id).ok_or(Refusal::CredentialRefused)
    }

    async fn fetch(&self) -> Option<Ring> {
        let client = self.client.clone();
        let url = match &self.source {
            KeySource::Set(text) => return ring(text.as_bytes()),
            KeySource::Url(url) => url.clone(),
            KeySource::Discovery => {
                let at = format!("{}/.well-known/openid-configuration", self.name.trim_end_matches('/'));
                let found = fetch::get(&at, client.clone()).await.ok()?;
                let document: Discovered = serde_json::from_slice(&found).ok()?;
                if document.issuer != *self.name {
                    tracing::warn!("{at} speaks for another issuer");
                    return None;
                }
                document.jwks_uri
            }
        };
        let found = fetch::get(&url, client).await.map_err(|error| tracing::warn!("{url}: {error}")).ok()?;
        ring(&found)
    }
}

#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "EdDSA" => Algorithm::EdDSA,
        "ES256" => Algorithm::ES256,
        "ES384" => Algorithm::ES384,
        "RS256" => Algorithm::RS256,
        "RS384" => Algorithm::RS384,
        "RS512" => Algorithm::RS512,
        "PS256" => Algorithm::PS256,
        "PS384" => Algorithm::PS384,
        "PS512" => Algorithm::PS512,
        _ => return None,
    })
}

/// The keys of a set that are public and fit for signatures.
fn ring(text: &[u8]) -> Option<Ring> {
    let set: JwkSet = serde_json::from_slice(text).ok()?;
    let mut ring = Ring::default();
    let mut usable = 0;
    for jwk in set.keys.iter().take(KEYS_MAX) {
        if matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_)) {
            continue;
        }
        if jwk.common.public_key_use.as_ref().is_some_and(|u| *u != jsonwebtoken::jwk::PublicKeyUse::Signature) {
            continue;
        }
        let Ok(key) = DecodingKey::from_jwk(jwk) else { continue };
        let key = Arc::new(key);
        usable += 1;
        if let Some(id) = &jwk.common.key_id {
            // of two keys with one id the first counts
            ring.by_id.entry(id.clone()).or_insert_with(|| Arc::clone(&key));
        }
        ring.nameless = (usable == 1).then_some(key);
    }
    (usable > 0).then_some(ring)
}

#[derive(Deserialize)]
struct Issued {
    iss: String,
}

#[derive(Deserialize)]
struct Claims {
    exp: u64,
    #[serde(default)]
    sub: String,
}

/// Checks a token.
pub(crate) async fn check(worker: &Worker, token: &str, now: i64) -> Result<Arc<Actor>, Refusal> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Refusal::CredentialRefused);
    }
    let digest = digest(token);
    if let Some(actor) = worker.proven.borrow_mut().get(&digest, now) {
        return Ok(actor);
    }
    let settings = worker.settings();
    let actor = Arc::new(verify(&settings.issuers, token).await?);
    if actor.expires_at <= now {
        return Err(Refusal::CredentialRefused);
    }
    worker.proven.borrow_mut().put(digest, &actor);
    Ok(actor)
}

async fn verify(issuers: &[Arc<IssuerSettings>], token: &str) -> Result<Actor, Refusal> {
    const NO: Refusal = Refusal::CredentialRefused;
    let header = jsonwebtoken::decode_header(token).map_err(|_| NO)?;
    // whatever a token says about how it is to be read beyond that is not for it to say
    let extra = header.jku.is_some() || header.jwk.is_some() || header.x5u.is_some() || header.enc.is_some();
    let extra = extra || header.crit.is_some() || header.zip.is_some() || header.extras.inner().contains_key("b64");
    if extra && !removed(Protection::TokenHeader) {
        return Err(NO);
    }
    let payload = payload(token).ok_or(NO)?;
    let claimed: Issued = serde_json::from_slice(&payload).map_err(|_| NO)?;
    let issuer = issuers.iter().find(|i| *i.name == claimed.iss).ok_or(NO)?;
    if issuer.token_type.as_ref().is_some_and(|t| header.typ.as_ref().is_none_or(|typ| !typ.eq_ignore_ascii_case(t))) {
        return Err(NO);
    }
    // the header's word counts only if it is one of the issuer's
    if !issuer.algorithms.contains(&header.alg) && !removed(Protection::TokenAlgorithm) {
        return Err(NO);
    }
    let mut validation = Validation::new(header.alg);
    if removed(Protection::TokenAudience) {
        validation.validate_aud = false;
    } else {
        validation.set_audience(&issuer.audiences);
    }
    validation.set_issuer(&[&*issuer.name]);
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    validation.validate_nbf = true;
    validation.leeway = LEEWAY_SECONDS;
    let key = issuer.key_or_fetch(header.kid.as_deref()).await?;
    let claims: Claims = jsonwebtoken::decode(token, &key, &validation).map_err(|_| NO)?.claims;
    let named = names::in_json(&payload, &issuer.tenant_claims).map_err(|_| NO)?;
    let bound = match (&issuer.tenant, named) {
        // whose issuer it is decides; a claim of its tokens cannot say otherwise
        (Some(tenant), Some(named)) if **tenant != *named && !removed(Protection::TokenIssuer) => return Err(NO),
        (Some(_), Some(named)) => Bound::ToName(named.into()),
        (Some(tenant), None) => Bound::ToName(Arc::clone(tenant)),
        (None, Some(named)) => Bound::ToName(named.into()),
        (None, None) => Bound::Nothing,
    };
    let number = super::digest(&format!("{}:{}{}", issuer.name.len(), issuer.name, claims.sub));
    Ok(Actor {
        bound,
        issuer: Arc::clone(&issuer.name),
        subject: claims.sub.into(),
        expires_at: i64::try_from(claims.exp).map_err(|_| NO)?,
        number: u128::from_be_bytes(number[..16].try_into().unwrap_or_default()),
    })
}

fn payload(token: &str) -> Option<Vec<u8>> {
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    URL_SAFE_NO_PAD.decode(payload).ok()
}

#[cfg(test)]
mod tests;
