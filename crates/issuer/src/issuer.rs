//! One issuer: its name, for whom and how it signs, and its keys, fetched where they are not given.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use crate::fetch;
use crate::keys::Ring;
use crate::proven::Refused;

/// How far clocks may differ, in seconds, unless the issuer's settings say otherwise.
pub const LEEWAY_SECONDS: u64 = 30;
/// Most that settings may allow.
pub const LEEWAY_SECONDS_MAX: u64 = 300;
/// Keys are fetched again for an unknown key id after this, at the earliest.
const FETCH_AGAIN_AFTER: Duration = Duration::from_secs(60);
/// Keys that are older are fetched again: what the issuer took from its set counts no longer.
const REFRESH_AFTER: Duration = Duration::from_secs(600);

/// Longest wait for keys where the ones we have would do.
const REFRESH_WITHIN: Duration = Duration::from_secs(2);

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
    pub(crate) name: Arc<str>,
    pub(crate) audiences: Vec<String>,
    pub(crate) algorithms: Vec<Algorithm>,
    source: KeySource,
    pub(crate) tenant_claims: Vec<String>,
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) token_type: Option<String>,
    pub(crate) leeway_seconds: u64,
    client: Option<Arc<rustls::ClientConfig>>,
    refresh_after: Duration,
    ring: arc_swap::ArcSwap<Ring>,
    fetched: tokio::sync::Mutex<Fetched>,
}

/// When keys were asked for, and when they came.
#[derive(Default)]
struct Fetched {
    asked: Option<Instant>,
    came: Option<Instant>,
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
    /// Its keys would come over a line on which anybody can put his own.
    #[error("the keys of issuer `{0}` would be fetched without TLS from another machine: give an https address")]
    Plain(String),
    /// More than clocks can differ.
    #[error("issuer `{0}` allows clocks to differ by {1} s: give at most {LEEWAY_SECONDS_MAX}")]
    Leeway(String, u64),
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

impl std::fmt::Debug for IssuerSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuerSettings").field("name", &self.name).field("algorithms", &self.algorithms).finish()
    }
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
            KeySource::Set(text) => Ring::read(text.as_bytes()).ok_or_else(|| IssuerError::Keys(issuer.clone()))?,
            KeySource::Url(url) if !fetch::is_safe(url) => return Err(IssuerError::Plain(issuer)),
            KeySource::Discovery if !fetch::is_safe(&issuer) => return Err(IssuerError::Plain(issuer)),
            KeySource::Url(_) | KeySource::Discovery => Ring::default(),
        };
        Ok(Self {
            name: issuer.into(),
            audiences,
            algorithms,
            source,
            tenant_claims,
            tenant: tenant.map(Into::into),
            token_type,
            leeway_seconds: LEEWAY_SECONDS,
            client,
            refresh_after: REFRESH_AFTER,
            ring: arc_swap::ArcSwap::from_pointee(ring),
            fetched: tokio::sync::Mutex::default(),
        })
    }

    /// The same, with another bound on how far clocks may differ.
    pub fn with_leeway(self, seconds: u64) -> Result<Self, IssuerError> {
        if seconds > LEEWAY_SECONDS_MAX {
            return Err(IssuerError::Leeway(self.name.to_string(), seconds));
        }
        Ok(Self { leeway_seconds: seconds, ..self })
    }

    /// The same, with keys that are fetched again once they are so old.
    pub fn with_refresh(self, after: Duration) -> Self {
        Self { refresh_after: after, ..self }
    }

    /// As it stands in `iss`.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The key of this id, fetched if need be.
    pub(crate) async fn key(&self, id: Option<&str>) -> Result<Arc<DecodingKey>, Refused> {
        let known = self.ring.load().get(id);
        if matches!(self.source, KeySource::Set(_)) {
            return known.ok_or(Refused::Credential);
        }
        match known {
            // one fetches, the others go on with what there is
            Some(key) => match self.fetched.try_lock() {
                Ok(mut fetched) if fetched.is_old(self.refresh_after) => {
                    // whether it comes or not: a provider that is slow delays one request a minute, and not for long
                    let _ = tokio::time::timeout(REFRESH_WITHIN, self.refresh(&mut fetched)).await;
                    self.ring.load().get(id).ok_or(Refused::Credential)
                }
                _ => Ok(key),
            },
            None => self.unknown(id).await,
        }
    }

    async fn unknown(&self, id: Option<&str>) -> Result<Arc<DecodingKey>, Refused> {
        // whoever waited here finds what the one before has fetched
        let mut fetched = self.fetched.lock().await;
        if let Some(key) = self.ring.load().get(id) {
            return Ok(key);
        }
        let has_any = !self.ring.load().is_empty();
        if fetched.asked.is_some_and(|at| at.elapsed() < FETCH_AGAIN_AFTER) {
            return Err(if has_any { Refused::Credential } else { Refused::Unavailable });
        }
        if !self.refresh(&mut fetched).await {
            // a set that once was there goes on; for whoever has nothing a moment counts, not a minute
            if !has_any {
                fetched.asked = None;
            }
            return Err(Refused::Unavailable);
        }
        self.ring.load().get(id).ok_or(Refused::Credential)
    }

    /// Fetches the keys; whether they came.
    async fn refresh(&self, fetched: &mut Fetched) -> bool {
        fetched.asked = Some(Instant::now());
        match self.fetch().await {
            Some(ring) => {
                fetched.came = fetched.asked;
                self.ring.store(Arc::new(ring));
                true
            }
            None => {
                tracing::warn!("the keys of issuer {} cannot be fetched", self.name);
                false
            }
        }
    }

    async fn fetch(&self) -> Option<Ring> {
        let client = self.client.clone();
        let url = match &self.source {
            KeySource::Set(text) => return Ring::read(text.as_bytes()),
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
        Ring::read(&found)
    }
}

impl Fetched {
    /// Old, and nobody has tried again a moment ago.
    fn is_old(&self, after: Duration) -> bool {
        let over = |at: Option<Instant>, time: Duration| at.is_none_or(|at| at.elapsed() >= time);
        over(self.came, after) && over(self.asked, FETCH_AGAIN_AFTER.min(after))
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
