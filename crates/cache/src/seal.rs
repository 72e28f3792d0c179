//! Values as they leave the process: AES-256-GCM, each under a key of its own.
//!
//! ```text
//! stored     = version 1 | what | generation (16) | ends (8) | nonce (24) | ciphertext | tag (16)
//! what       = 0 a value, 1 nothing is there (the database said so), 2 a removal (no ciphertext, no tag)
//! ends       = Unix time in milliseconds, big-endian; not believed after that
//! key        = HMAC-SHA256(tenant key, "entry" | first half of the nonce)
//! associated = the 50 bytes before the ciphertext | the entry's name, all 32 bytes
//! ```
//!
//! So a value that was sealed for one tenant, key or generation opens as no other, and one that Redis, or whoever can
//! write there, brings back later is refused by its end. A key per value means that random nonces cannot run out.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use bytes::Bytes;

use crate::ablation::{Protection, Removed};
use crate::secret::{Name, fill};

/// Bytes before the ciphertext.
pub(crate) const HEAD: usize = 50;
const VERSION: u8 = 1;
const VALUE: u8 = 0;
const NOTHING: u8 = 1;
const REMOVAL: u8 = 2;
const TAG: usize = 16;

/// The mixed generation of an entry.
pub(crate) type Generation = [u8; 16];

/// What was found in Redis under a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Something that counts; `None` means that there is nothing, and that this is known.
    Entry { value: Option<Bytes>, ends: u64 },
    /// Nothing that counts: of an older generation, removed, or over.
    Stale,
    /// It was not sealed by us, or not for this name.
    Damaged,
}

/// The sealed form.
pub(crate) fn seal(
    tenant: &hmac::Key,
    name: &Name,
    generation: &Generation,
    ends: u64,
    value: Option<&[u8]>,
    removed: Removed,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD + value.map_or(0, <[u8]>::len) + TAG);
    out.extend_from_slice(&[VERSION, if value.is_some() { VALUE } else { NOTHING }]);
    out.extend_from_slice(generation);
    out.extend_from_slice(&ends.to_be_bytes());
    let mut nonce = [0; 24];
    fill(&mut nonce);
    out.extend_from_slice(&nonce);
    let mut body = value.unwrap_or_default().to_vec();
    let aad = associated(&out, name, removed);
    let (key, nonce) = of_nonce(tenant, b"entry", &nonce);
    if key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut body).is_err() {
        unreachable!("a value is far below the 64 GiB that AES-GCM seals");
    }
    out.append(&mut body);
    out
}

/// A removal that a load which began before it meets.
pub(crate) fn removal(ends: u64) -> Vec<u8> {
    let mut out = vec![VERSION, REMOVAL];
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&ends.to_be_bytes());
    let mut nonce = [0; 24];
    fill(&mut nonce);
    out.extend_from_slice(&nonce);
    out
}

/// Opens what was found. `now` is Unix time in milliseconds.
pub(crate) fn open(
    tenant: &hmac::Key,
    name: &Name,
    generation: &Generation,
    now: u64,
    mut stored: Vec<u8>,
    removed: Removed,
) -> Found {
    if stored.len() < HEAD || stored[0] != VERSION {
        return Found::Damaged;
    }
    let ends = u64::from_be_bytes(array(&stored[18..26]));
    let what = stored[1];
    if what == REMOVAL || stored[2..18] != generation[..] || ends <= now {
        return Found::Stale;
    }
    let nonce: [u8; 24] = array(&stored[26..HEAD]);
    let aad = associated(&stored[..HEAD], name, removed);
    let (key, nonce) = of_nonce(tenant, b"entry", &nonce);
    let Ok(plain) = key.open_in_place(nonce, Aad::from(aad), &mut stored[HEAD..]) else { return Found::Damaged };
    let length = plain.len();
    match what {
        VALUE => {
            let value = Bytes::from(stored).slice(HEAD..HEAD + length);
            Found::Entry { value: Some(value), ends }
        }
        NOTHING if length == 0 => Found::Entry { value: None, ends },
        _ => Found::Damaged,
    }
}

/// Seals a message to the other processes.
pub(crate) fn seal_message(key: &hmac::Key, message: &[u8]) -> Vec<u8> {
    let mut out = vec![VERSION];
    let mut nonce = [0; 24];
    fill(&mut nonce);
    out.extend_from_slice(&nonce);
    let mut body = message.to_vec();
    let (key, nonce) = of_nonce(key, b"message", &nonce);
    if key.seal_in_place_append_tag(nonce, Aad::from([VERSION]), &mut body).is_err() {
        unreachable!("a message is far below the 64 GiB that AES-GCM seals");
    }
    out.append(&mut body);
    out
}

/// Opens one; `None` for what none of us sealed.
pub(crate) fn open_message(key: &hmac::Key, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
    if sealed.len() < 25 || sealed[0] != VERSION {
        return None;
    }
    let (key, nonce) = of_nonce(key, b"message", &array(&sealed[1..25]));
    let plain = key.open_in_place(nonce, Aad::from([VERSION]), &mut sealed[25..]).ok()?;
    Some(plain.to_vec())
}

fn of_nonce(key: &hmac::Key, purpose: &[u8], nonce: &[u8; 24]) -> (LessSafeKey, Nonce) {
    let mut context = hmac::Context::with_key(key);
    context.update(purpose);
    context.update(&nonce[..12]);
    let Ok(key) = UnboundKey::new(&AES_256_GCM, context.sign().as_ref()) else {
        unreachable!("HMAC-SHA256 gives the 32 bytes that AES-256 takes");
    };
    (LessSafeKey::new(key), Nonce::assume_unique_for_key(array(&nonce[12..])))
}

/// What a value is bound to, without a detour over the heap.
struct Associated {
    bytes: [u8; HEAD + 32],
    length: usize,
}

impl AsRef<[u8]> for Associated {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

fn associated(head: &[u8], name: &Name, removed: Removed) -> Associated {
    let mut bytes = [0; HEAD + 32];
    bytes[..HEAD].copy_from_slice(head);
    bytes[HEAD..].copy_from_slice(&name.bytes);
    Associated { bytes, length: if removed.has(Protection::Bound) { HEAD } else { HEAD + 32 } }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(bytes);
    out
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac::HMAC_SHA256;

    use super::*;

    fn key(byte: u8) -> hmac::Key {
        hmac::Key::new(HMAC_SHA256, &[byte; 32])
    }

    fn name(byte: u8) -> Name {
        Name::of([byte; 32])
    }

    fn is_value(found: &Found) -> bool {
        matches!(found, Found::Entry { value: Some(v), .. } if v == "secret")
    }

    #[test]
    fn only_the_same_tenant_name_and_generation_open_it() {
        let none = Removed::default();
        let sealed = seal(&key(1), &name(1), &[1; 16], 100, Some(b"secret"), none);
        assert!(!sealed.windows(6).any(|w| w == b"secret"));
        let open = |k, n, g: u8, now| open(&key(k), &name(n), &[g; 16], now, sealed.clone(), none);
        assert!(is_value(&open(1, 1, 1, 99)));
        assert_eq!(open(2, 1, 1, 99), Found::Damaged);
        assert_eq!(open(1, 2, 1, 99), Found::Damaged);
        assert_eq!(open(1, 1, 2, 99), Found::Stale);
        assert_eq!(open(1, 1, 1, 100), Found::Stale);
    }

    #[test]
    fn no_changed_byte_is_taken() {
        let none = Removed::default();
        for value in [Some(&b"secret"[..]), None] {
            let sealed = seal(&key(1), &name(1), &[1; 16], 100, value, none);
            for at in 0..sealed.len() {
                let mut changed = sealed.clone();
                changed[at] ^= 1;
                let found = open(&key(1), &name(1), &[1; 16], 1, changed, none);
                assert!(!matches!(found, Found::Entry { .. }), "byte {at}: {found:?}");
            }
            for length in 0..sealed.len() {
                let found = open(&key(1), &name(1), &[1; 16], 1, sealed[..length].to_vec(), none);
                assert_eq!(found, Found::Damaged, "{length} bytes");
            }
        }
    }

    #[test]
    fn a_removal_is_no_entry() {
        let found = open(&key(1), &name(1), &[0; 16], 1, removal(100), Removed::default());
        assert_eq!(found, Found::Stale);
    }

    #[test]
    fn messages_are_ours_or_nothing() {
        let sealed = seal_message(&key(1), b"forget");
        assert_eq!(open_message(&key(1), sealed.clone()).as_deref(), Some(&b"forget"[..]));
        assert_eq!(open_message(&key(2), sealed.clone()), None);
        assert_eq!(open_message(&key(1), b"forget".to_vec()), None);
        assert_eq!(open_message(&key(1), sealed[..20].to_vec()), None);
    }
}
