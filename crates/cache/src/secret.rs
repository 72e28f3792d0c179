//! The secret of a cache, and the keys that come from it.
//!
//! One secret of 32 bytes belongs to all processes that share a Redis. From it come, by HKDF-SHA256, a key for names, one
//! for messages, and one for each tenant's values. None of them, and no value in the clear, ever leaves the process.
//!
//! ```text
//! root        = HKDF-Extract(salt "tenantry cache 1", secret)
//! name key    = HKDF-Expand(root, "name", 32)
//! message key = HKDF-Expand(root, "message", 32)
//! tenant key  = HKDF-Expand(root, parts("tenant", realm, tenant kind, tenant), 32)
//! ```

use std::fmt;

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tenantry_model::{Class, TenantKey};
use zeroize::{Zeroize, Zeroizing};

use crate::ablation::{Protection, Removed};
use crate::key::{Asked, add_parts, parts, tenant_parts};

/// Bytes of every secret and derived key.
const KEY_BYTES: usize = 32;
/// Characters of a name.
pub(crate) const NAME_LENGTH: usize = 43;

/// A text that is no secret of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret of a cache is 64 hexadecimal digits (32 bytes), as `openssl rand -hex 32` makes them")]
pub struct SecretError;

impl SecretError {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        Class::Caller
    }
}

/// The secret that all processes of a cache share. Never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; KEY_BYTES]>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// From its bytes.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// From its hexadecimal digits.
    pub fn parse(hex: &str) -> Result<Self, SecretError> {
        let digits = hex.trim().as_bytes();
        if digits.len() != 2 * KEY_BYTES {
            return Err(SecretError);
        }
        let mut bytes = [0; KEY_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |d: u8| char::from(d).to_digit(16).ok_or(SecretError);
            // two digits are at most 255
            *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
        let secret = Self::new(bytes);
        bytes.zeroize();
        Ok(secret)
    }

    /// A new one, for a cache that has no Redis, or in tests.
    pub fn random() -> Self {
        let mut bytes = [0; KEY_BYTES];
        fill(&mut bytes);
        Self::new(bytes)
    }
}

/// Random bytes from the system's generator.
pub(crate) fn fill(bytes: &mut [u8]) {
    // aws-lc's generator ends the process where it has no entropy; the result is for ring's sake
    if aws_lc_rs::rand::fill(bytes).is_err() {
        unreachable!("aws-lc's generator does not fail");
    }
}

struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

/// What is made of the secret once.
pub(crate) struct Keys {
    root: Prk,
    names: hmac::Key,
    message: hmac::Key,
    realm: Box<str>,
    removed: Removed,
}

impl Keys {
    pub(crate) fn new(secret: &Secret, realm: &str, removed: Removed) -> Self {
        let root = Salt::new(HKDF_SHA256, b"tenantry cache 1").extract(&*secret.0);
        let key = |info: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, &*expand(&root, info));
        let (names, message) = (key(b"name"), key(b"message"));
        Self { root, names, message, realm: realm.into(), removed }
    }

    /// The key from which those of a tenant's values come.
    pub(crate) fn of_tenant(&self, tenant: &TenantKey) -> hmac::Key {
        let (kind, text) = tenant_parts(tenant);
        let text = if self.removed.has(Protection::Bound) { "" } else { &text };
        hmac::Key::new(hmac::HMAC_SHA256, &*expand(&self.root, &parts(&["tenant", &self.realm, kind, text])))
    }

    pub(crate) fn of_messages(&self) -> &hmac::Key {
        &self.message
    }

    /// The name of an entry.
    pub(crate) fn entry(&self, tenant: &TenantKey, asked: &Asked<'_>) -> Name {
        let (tenant_kind, tenant) = tenant_parts(tenant);
        let (unit_kind, unit) = asked.unit.map_or(("", String::new()), tenant_parts);
        let tenant = if self.removed.has(Protection::TenantInName) { "" } else { &tenant };
        let kind = if self.removed.has(Protection::KindInName) { "" } else { asked.key.kind };
        self.name(&["entry", &self.realm, tenant_kind, tenant, unit_kind, &unit, kind, asked.key.id])
    }

    /// What is the same in all names of a tenant's entries: made once, so that a look does not.
    pub(crate) fn owner(&self, tenant: &TenantKey) -> Owner {
        let (kind, text) = tenant_parts(tenant);
        Owner { tenant: tenant.clone(), begins: parts(&["entry", &self.realm, kind, &text]) }
    }

    /// The name of an entry, for whoever has what its tenant's names begin with.
    pub(crate) fn entry_of(&self, owner: &Owner, asked: &Asked<'_>) -> Name {
        if self.removed.is_any() {
            return self.entry(&owner.tenant, asked);
        }
        let (unit_kind, unit) = asked.unit.map_or(("", String::new()), tenant_parts);
        let rest = [unit_kind, &unit, asked.key.kind, asked.key.id];
        let mut plain = Vec::with_capacity(owner.begins.len() + rest.iter().map(|p| p.len() + 4).sum::<usize>());
        plain.extend_from_slice(&owner.begins);
        add_parts(&rest, &mut plain);
        self.hashed(&plain)
    }

    /// The name of what says which generation of a tenant's entries counts.
    pub(crate) fn generation(&self, tenant: &TenantKey) -> Name {
        let (kind, text) = tenant_parts(tenant);
        self.name(&["generation", &self.realm, kind, &text])
    }

    /// The same for one kind of a tenant's entries.
    pub(crate) fn generation_of_kind(&self, tenant: &TenantKey, of: &str) -> Name {
        let (kind, text) = tenant_parts(tenant);
        self.name(&["generation of kind", &self.realm, kind, &text, of])
    }

    /// The same for all tenants of the realm.
    pub(crate) fn generation_of_all(&self) -> Name {
        self.name(&["generation of all", &self.realm])
    }

    /// Where removals are told.
    pub(crate) fn channel(&self) -> Name {
        self.name(&["channel", &self.realm])
    }

    /// All of a tenant's entries, where names are not hidden; only tests have that.
    pub(crate) fn pattern(&self, tenant: &TenantKey) -> String {
        let (kind, text) = tenant_parts(tenant);
        format!("entry/{}/{kind}/{text}/*", self.realm)
    }

    fn name(&self, of: &[&str]) -> Name {
        let plain = [Protection::HiddenNames, Protection::Generation, Protection::Arguments];
        if plain.into_iter().any(|p| self.removed.has(p)) {
            return Name { bytes: [0; KEY_BYTES], plain: Some(of.join("/").into()) };
        }
        let plain = if self.removed.has(Protection::Lengths) { of.join(":").into_bytes() } else { parts(of) };
        self.hashed(&plain)
    }

    fn hashed(&self, plain: &[u8]) -> Name {
        let mut bytes = [0; KEY_BYTES];
        bytes.copy_from_slice(hmac::sign(&self.names, plain).as_ref());
        if self.removed.has(Protection::WholeName) {
            bytes[1..].fill(0);
        }
        Name { bytes, plain: None }
    }
}

fn expand(root: &Prk, info: &[u8]) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let info = [info];
    let filled = root.expand(&info, Length).and_then(|okm| okm.fill(&mut *key));
    if filled.is_err() {
        unreachable!("HKDF-SHA256 gives up to 8160 bytes, and 32 are asked for");
    }
    key
}

/// A name as it stands in Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) bytes: [u8; KEY_BYTES],
    /// What it says, where names are not hidden; only tests have that.
    plain: Option<Box<str>>,
}

impl Name {
    /// Writes it behind what is there.
    pub(crate) fn write(&self, out: &mut String) {
        match &self.plain {
            Some(plain) => out.push_str(plain),
            None => URL_SAFE_NO_PAD.encode_string(self.bytes, out),
        }
    }

    #[cfg(test)]
    pub(crate) fn of(bytes: [u8; KEY_BYTES]) -> Self {
        Self { bytes, plain: None }
    }

    #[cfg(test)]
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }
}

/// What is the same in all names of one tenant's entries.
pub(crate) struct Owner {
    tenant: TenantKey,
    begins: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;

    #[test]
    fn secrets_are_read_and_never_shown() {
        let secret = Secret::parse(&"0a".repeat(32)).unwrap();
        assert_eq!(*secret.0, [10; 32]);
        assert!(!format!("{secret:?}").contains("10"));
        for wrong in ["", "0a", &"zz".repeat(32), &"é".repeat(32)] {
            assert_eq!(Secret::parse(wrong).unwrap_err(), SecretError);
        }
    }

    #[test]
    fn every_difference_makes_another_name() {
        let secret = Secret::new([1; 32]);
        let keys = |realm| Keys::new(&secret, realm, Removed::default());
        let (one, two) = (keys("one"), keys("two"));
        let (a, b) = (TenantKey::Text("7".into()), TenantKey::Integer(7));
        let asked = |unit, kind, id| Asked { unit, key: Key { kind, id } };
        for (unit, kind, id) in [(None, "k", "i"), (Some(&b), "k", ""), (None, "ki", "")] {
            assert_eq!(one.entry_of(&one.owner(&a), &asked(unit, kind, id)), one.entry(&a, &asked(unit, kind, id)));
        }
        let names = [
            one.entry(&a, &asked(None, "k", "i")),
            two.entry(&a, &asked(None, "k", "i")),
            one.entry(&b, &asked(None, "k", "i")),
            one.entry(&TenantKey::Bigint(7), &asked(None, "k", "i")),
            one.entry(&a, &asked(Some(&b), "k", "i")),
            one.entry(&a, &asked(None, "ki", "")),
            one.entry(&a, &asked(None, "k", "")),
            one.generation(&a),
            one.generation_of_kind(&a, "k"),
            one.generation_of_all(),
            one.channel(),
        ];
        for (at, name) in names.iter().enumerate() {
            assert_eq!(name.text().len(), NAME_LENGTH);
            assert!(names[..at].iter().all(|other| other != name), "{at}");
        }
    }
}
