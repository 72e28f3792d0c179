//! Keys of tenants: `tnt_live_<id>_<secret>`. The directory keeps what checks them, by tenant; here they are found by id.
//!
//! A key is looked up by its public id, then checked as a whole against the verifier, in constant time. The check costs
//! a millisecond, off the worker's thread. What was proven is remembered, and is asked of the directory each time:
//! a key that was taken back does not count from then on.

use std::collections::HashMap;
use std::sync::Arc;

use subtle::ConstantTimeEq;
use tenantry_edge::directory::Directory;
use tenantry_model::TenantKey;
use tenantry_wire::scram::Verifier;

use super::{Actor, Bound, digest};
use crate::ablation::{Protection, removed};
use crate::refusal::Refusal;
use crate::worker::Worker;

/// Longest key that is looked at.
const KEY_BYTES_MAX: usize = 256;
/// Checks at once on one thread; more are told to come again. A check is the one thing here that costs something.
const CHECKS_MAX: usize = 4;

/// Tenants by the ids of their keys, of one list of the directory.
#[derive(Default)]
pub(crate) struct Index {
    generation: u64,
    by_id: HashMap<Box<str>, Vec<TenantKey>>,
}

impl Index {
    /// Whether it is of the list that is published now.
    pub(crate) fn is_of(&self, directory: &Directory) -> bool {
        self.generation == directory.generation()
    }

    /// The index of the list that is published now.
    pub(crate) fn of(directory: &Directory) -> Self {
        let Some(list) = directory.load() else { return Self::default() };
        let mut by_id: HashMap<Box<str>, Vec<TenantKey>> = HashMap::new();
        for tenant in list.tenants() {
            for credential in &tenant.credentials {
                by_id.entry(credential.id.clone()).or_default().push(tenant.key.clone());
            }
        }
        Self { generation: list.generation(), by_id }
    }
}

/// The public part of a key.
fn id_of(key: &str) -> Option<&str> {
    let rest = key.strip_prefix("tnt_live_").or_else(|| key.strip_prefix("tnt_test_"))?;
    let (id, secret) = rest.split_once('_')?;
    let fits = !id.is_empty() && secret.len() >= 16 && key.len() <= KEY_BYTES_MAX;
    (fits && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')).then_some(id)
}

/// Checks a key.
pub(crate) async fn check(worker: &Worker, key: &str, now: i64) -> Result<Arc<Actor>, Refusal> {
    let id = id_of(key).ok_or(Refusal::CredentialRefused)?;
    let digest = digest(key);
    let directory = worker.settings().directory.clone();
    let counts = |tenant: &TenantKey| directory.find_key(tenant).is_some_and(|facts| facts.has_credential(id, now));
    if let Some(actor) = worker.proven.borrow_mut().get(&digest, now) {
        let still = matches!(&actor.bound, Bound::ToKey(tenant) if counts(tenant)) || removed(Protection::Withdrawn);
        return if still { Ok(actor) } else { Err(Refusal::CredentialRefused) };
    }
    // two tenants whose keys have one id are told apart by the secret
    let candidates = worker.key_index().by_id.get(id).cloned().unwrap_or_default();
    for tenant in candidates {
        let Some(facts) = directory.find_key(&tenant) else { continue };
        let Some(credential) = facts.valid_credentials(now).find(|c| &*c.id == id) else { continue };
        let expires_at = credential.expires_at.unwrap_or(i64::MAX);
        if matches(worker, key, &credential.verifier).await? {
            let number = u128::from_be_bytes(digest[..16].try_into().unwrap_or_default());
            let bound = Bound::ToKey(tenant);
            let actor = Actor { bound, issuer: Arc::from(""), subject: Arc::from(id), expires_at, number };
            let actor = Arc::new(actor);
            worker.proven.borrow_mut().put(digest, &actor);
            return Ok(actor);
        }
    }
    worker.proven.borrow_mut().forget(&digest);
    Err(Refusal::CredentialRefused)
}

async fn matches(worker: &Worker, key: &str, verifier: &str) -> Result<bool, Refusal> {
    if removed(Protection::KeySecret) {
        return Ok(true);
    }
    let _place = worker.checks.try_acquire().map_err(|_| Refusal::IdentityUnavailable)?;
    let (key, verifier) = (secrecy::SecretString::from(key), verifier.to_owned());
    let checked = tokio::task::spawn_blocking(move || is_of(&key, &verifier)).await;
    checked.map_err(|_| Refusal::Bug)
}

fn is_of(key: &secrecy::SecretString, verifier: &str) -> bool {
    use secrecy::ExposeSecret;
    let Ok(wanted) = Verifier::parse(verifier) else { return false };
    let made = Verifier::from_password(key.expose_secret().as_bytes(), wanted.salt(), wanted.iterations());
    made.is_ok_and(|made| made.to_text().as_bytes().ct_eq(wanted.to_text().as_bytes()).into())
}

/// Places for checks.
pub(crate) fn places() -> tokio::sync::Semaphore {
    tokio::sync::Semaphore::new(CHECKS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_keys_have_an_id() {
        assert_eq!(id_of("tnt_live_0a1b_0123456789abcdef"), Some("0a1b"));
        for bad in
            ["tnt_live_0a1b", "tnt_live__0123456789abcdef", "tnt_live_0a1b_short", "tnt_live_%_0123456789abcdef", "x"]
        {
            assert_eq!(id_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_key_fits_its_own_verifier_only() {
        let key = "tnt_live_0a1b_0123456789abcdef";
        let verifier = Verifier::from_password(key.as_bytes(), &[7; 16], 4096).unwrap().to_text();
        assert!(is_of(&key.into(), &verifier));
        assert!(!is_of(&"tnt_live_0a1b_0123456789abcdee".into(), &verifier));
        assert!(!is_of(&key.into(), "rubbish"));
    }
}
