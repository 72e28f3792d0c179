//! The public keys of an issuer, read from a JWK set.

use std::collections::HashMap;
use std::sync::Arc;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, JwkSet, PublicKeyUse};

/// Keys of a set that are looked at.
const KEYS_MAX: usize = 100;

#[derive(Default)]
pub(crate) struct Ring {
    by_id: HashMap<String, Arc<DecodingKey>>,
    nameless: Option<Arc<DecodingKey>>,
}

impl Ring {
    /// The keys of a set that are public and fit for signatures; none if there is not one.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let set: JwkSet = serde_json::from_slice(text).ok()?;
        let mut ring = Self::default();
        let mut usable = 0;
        for jwk in set.keys.iter().take(KEYS_MAX) {
            if matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_)) {
                continue;
            }
            if jwk.common.public_key_use.as_ref().is_some_and(|u| *u != PublicKeyUse::Signature) {
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

    /// The key of this id; the only one for a token that names none.
    pub(crate) fn get(&self, id: Option<&str>) -> Option<Arc<DecodingKey>> {
        match id {
            Some(id) => self.by_id.get(id).cloned(),
            None => self.nameless.clone(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty() && self.nameless.is_none()
    }
}
