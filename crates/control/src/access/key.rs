//! API keys: `tnt_live_<id>_<secret><checksum>`. Shown once; what is kept can check one and not make one.
//!
//! The id is public and finds the row, the secret has 256 bits, the checksum lets scanners of leaked secrets know a
//! key from a text that looks like one. The same key is a password at the proxy, hence the verifier beside the hash.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tenantry_wire::scram::{ITERATIONS_MIN, Verifier};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::secret::{Secret, hex, random};

/// What every key begins with.
pub const PREFIX: &str = "tnt_live_";
/// Bytes of the public id.
const ID_BYTES: usize = 6;
/// Bytes of the secret.
const SECRET_BYTES: usize = 32;
/// Hexadecimal digits of the checksum.
const CHECKSUM_DIGITS: usize = 8;
/// Bytes of a salt.
const SALT_BYTES: usize = 16;

/// A new key.
pub(crate) struct NewKey {
    /// Its public name.
    pub(crate) id: String,
    /// All of it; given away once.
    pub(crate) text: Zeroizing<String>,
}

impl NewKey {
    /// Draws one.
    pub(crate) fn draw() -> Result<Self, Error> {
        let id = hex(&*random::<ID_BYTES>()?);
        let secret = Zeroizing::new(hex(&*random::<SECRET_BYTES>()?));
        let text = Zeroizing::new(format!("{PREFIX}{id}_{}{}", *secret, checksum(&id, &secret)));
        Ok(Self { id, text })
    }

    /// What the proxy needs to check it. All keys of a tenant share a salt, because a client is told one before it
    /// says which key it has.
    pub(crate) fn verifier(&self, secret: &Secret, tenant: &str) -> Result<String, Error> {
        let salt = secret.mac("salt of a tenant's keys", tenant.as_bytes());
        Verifier::from_password(self.text.as_bytes(), &salt[..SALT_BYTES], ITERATIONS_MIN)
            .map(|v| v.to_text().to_string())
            .map_err(|e| Error::bug("make a verifier").because(e))
    }
}

/// The id of a text that has the form of a key, checksum included.
pub(crate) fn id_of(text: &str) -> Option<&str> {
    let (id, rest) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let is_hex = |t: &str| t.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if id.len() != 2 * ID_BYTES || rest.len() != 2 * SECRET_BYTES + CHECKSUM_DIGITS || !is_hex(id) || !is_hex(rest) {
        return None;
    }
    let (secret, sum) = rest.split_at(2 * SECRET_BYTES);
    (checksum(id, secret) == sum).then_some(id)
}

/// What is kept of a key.
pub(crate) fn hash(secret: &Secret, text: &str) -> [u8; 32] {
    secret.mac("API key", text.as_bytes())
}

/// Whether a text is the key of this hash, in the same time whatever differs.
pub(crate) fn is_key(secret: &Secret, text: &str, kept: &[u8]) -> bool {
    hash(secret, text).ct_eq(kept).into()
}

fn checksum(id: &str, secret: &str) -> String {
    let sum = Sha256::digest(format!("{id}_{secret}").as_bytes());
    hex(&sum[..CHECKSUM_DIGITS / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_form_and_only_whole() {
        let (secret, key) = (Secret::random().unwrap(), NewKey::draw().unwrap());
        assert_eq!(id_of(&key.text), Some(&*key.id));
        let kept = hash(&secret, &key.text);
        assert!(is_key(&secret, &key.text, &kept));
        assert!(!is_key(&Secret::random().unwrap(), &key.text, &kept));
        for at in 0..key.text.len() {
            let mut other = key.text.as_bytes().to_vec();
            other[at] = if other[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(id_of(std::str::from_utf8(&other).unwrap()), None, "byte {at}");
        }
        for bad in ["", "tnt_live_", "tnt_live_a_b", &key.text.to_uppercase(), &format!("{} ", *key.text)] {
            assert_eq!(id_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_proxy_can_check_it() {
        let (secret, key) = (Secret::random().unwrap(), NewKey::draw().unwrap());
        let verifier = key.verifier(&secret, "t").unwrap();
        let salt = Verifier::parse(&verifier).unwrap().salt().to_vec();
        let same = Verifier::from_password(key.text.as_bytes(), &salt, ITERATIONS_MIN).unwrap();
        assert_eq!(*same.to_text(), verifier);
    }
}
