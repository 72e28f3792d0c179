//! Who sends a request, as far as a credential proves it: a token of an issuer, or a key of a tenant.
//!
//! What was proven once is remembered for a while, under the digest of the whole credential: never past its end, and
//! for keys never past their withdrawal. A credential that fails is not remembered.

pub(crate) mod api_key;
pub(crate) mod issuer;
pub(crate) mod webhook;

use std::sync::Arc;

use tenantry_model::TenantKey;

use crate::refusal::Refusal;
use crate::settings::Authentication;
use crate::worker::Worker;

/// What a credential says about the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// Nothing: it proves who somebody is, not where they belong.
    Nothing,
    /// The slug or key in a token's claim, or of the issuer.
    ToName(Arc<str>),
    /// The tenant a key belongs to.
    ToKey(TenantKey),
}

/// Who was proven.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    pub(crate) bound: Bound,
    /// The issuer's name, or nothing for a key.
    pub(crate) issuer: Arc<str>,
    /// The subject of the token, or the name of the key.
    pub(crate) subject: Arc<str>,
    /// Unix time in seconds from which on it counts no more.
    pub(crate) expires_at: i64,
    /// Stands for issuer and subject where how often somebody comes is counted.
    pub(crate) number: u128,
}

impl Actor {
    /// Proves nothing.
    #[cfg(test)]
    pub(crate) fn nobody() -> Self {
        Self { bound: Bound::Nothing, issuer: "".into(), subject: "".into(), expires_at: i64::MAX, number: 0 }
    }
}

/// A credential that was found in a request.
pub(crate) enum Credential<'a> {
    Token(&'a str),
    Key(&'a str),
}

/// What every API key begins with.
const KEY_PREFIX: &str = "tnt_";

/// Finds the credential.
pub(crate) fn find<'a>(
    authorization: Option<&'a [u8]>,
    api_key: Option<&'a [u8]>,
) -> Result<Option<Credential<'a>>, Refusal> {
    let text = |bytes| std::str::from_utf8(bytes).map_err(|_| Refusal::CredentialRefused);
    match (authorization, api_key) {
        // which of the two would count is nobody's guess
        (Some(_), Some(_)) => Err(Refusal::CredentialRefused),
        (None, Some(key)) => Ok(Some(Credential::Key(text(key)?))),
        (None, None) => Ok(None),
        (Some(value), None) => {
            let value = text(value)?;
            let (scheme, rest) = value.split_once(' ').ok_or(Refusal::CredentialRefused)?;
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(Refusal::CredentialRefused);
            }
            Ok(Some(if rest.starts_with(KEY_PREFIX) { Credential::Key(rest) } else { Credential::Token(rest) }))
        }
    }
}

/// Checks it.
pub(crate) async fn check(
    worker: &Worker,
    need: Authentication,
    credential: Option<Credential<'_>>,
    now: i64,
) -> Result<Option<Arc<Actor>>, Refusal> {
    match (credential, need) {
        (_, Authentication::Anonymous) | (None, Authentication::Optional) => Ok(None),
        (None, Authentication::Required) => Err(Refusal::CredentialRequired),
        (Some(Credential::Token(token)), _) => issuer::check(worker, token, now).await.map(Some),
        (Some(Credential::Key(key)), _) => api_key::check(worker, key, now).await.map(Some),
    }
}

/// The digest under which a credential is remembered.
pub(crate) fn digest(text: &str) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().try_into().unwrap_or([0; 32])
}

/// What was proven, by digest. A full one forgets everything: proving again costs little.
#[derive(Default)]
pub(crate) struct Proven {
    known: std::collections::HashMap<[u8; 32], Arc<Actor>>,
}

/// Most credentials that one thread remembers.
const PROVEN_MAX: usize = 20_000;

impl Proven {
    /// Who it is, if that was proven and is not over.
    pub(crate) fn get(&mut self, digest: &[u8; 32], now: i64) -> Option<Arc<Actor>> {
        let actor = self.known.get(digest)?;
        if actor.expires_at <= now {
            self.known.remove(digest);
            return None;
        }
        Some(Arc::clone(actor))
    }

    /// Remembers it.
    pub(crate) fn put(&mut self, digest: [u8; 32], actor: &Arc<Actor>) {
        if self.known.len() >= PROVEN_MAX {
            self.known.clear();
        }
        self.known.insert(digest, Arc::clone(actor));
    }

    /// Forgets one.
    pub(crate) fn forget(&mut self, digest: &[u8; 32]) {
        self.known.remove(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_credential_or_none() {
        let found = |a: Option<&str>, k: Option<&str>| match find(a.map(str::as_bytes), k.map(str::as_bytes)) {
            Ok(None) => "none".to_owned(),
            Ok(Some(Credential::Token(t))) => format!("token {t}"),
            Ok(Some(Credential::Key(k))) => format!("key {k}"),
            Err(_) => "refused".to_owned(),
        };
        assert_eq!(found(None, None), "none");
        assert_eq!(found(Some("bearer a.b.c"), None), "token a.b.c");
        assert_eq!(found(Some("Bearer tnt_live_x_y"), None), "key tnt_live_x_y");
        assert_eq!(found(None, Some("tnt_live_x_y")), "key tnt_live_x_y");
        for (a, k) in [("Basic x", None), ("Bearer", None), ("Bearer x", Some("y"))] {
            assert_eq!(found(Some(a), k), "refused");
        }
    }

    #[test]
    fn nothing_is_remembered_past_its_end() {
        let mut proven = Proven::default();
        let actor = Arc::new(Actor { expires_at: 100, ..Actor::nobody() });
        proven.put([1; 32], &actor);
        assert!(proven.get(&[1; 32], 99).is_some());
        assert!(proven.get(&[1; 32], 100).is_none() && proven.known.is_empty());
    }
}
