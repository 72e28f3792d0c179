//! Signed heads of chains, as signed notes: Ed25519 over a few lines of text, in the form of C2SP's signed-note.
//!
//! ```text
//! tenantry-audit/<origin>/<chain in base64>
//! <number of entries>
//! <hash of the last one, base64>
//! <what it is: head or cut>
//!
//! — <origin> <base64 of the key's four bytes and the signature>
//! ```
//!
//! A head says how a chain looked at a moment. A cut says that the entries up to here were let go on purpose.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tenantry_model::Class;

use crate::chain::{Chain, Hash};

/// What kind of statement it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// How the chain looked.
    Head,
    /// Up to here entries were let go.
    Cut,
}

/// A statement about a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which chain.
    pub chain: Chain,
    /// The number of the last entry.
    pub sequence: u64,
    /// Its hash.
    pub hash: Hash,
    /// What is said.
    pub kind: Kind,
}

/// A key that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The seed is not 32 bytes.
    #[error(
        "the signing key of an audit log is 64 hexadecimal digits (32 bytes), as `openssl rand -hex 32` makes them"
    )]
    Seed,
    /// The text is no public key.
    #[error("a public key of an audit log reads origin+id+key, as the sealer shows it")]
    Public,
    /// The origin has characters that a note's line does not take.
    #[error("the origin of an audit log has 1 to 100 letters, digits, dots or dashes")]
    Origin,
}

impl KeyError {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        Class::Caller
    }
}

/// Signs checkpoints. Kept where the tables' owner cannot read it.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: VerifyingKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}

/// Checks them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    origin: String,
    bytes: [u8; 32],
}

impl SigningKey {
    /// From a seed of 32 bytes in hexadecimal.
    pub fn new(origin: &str, seed: &str) -> Result<Self, KeyError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        if origin.is_empty() || origin.len() > 100 || !origin.chars().all(fits) {
            return Err(KeyError::Origin);
        }
        let pair =
            unhex(seed).and_then(|seed| Ed25519KeyPair::from_seed_unchecked(&seed).ok()).ok_or(KeyError::Seed)?;
        let mut bytes = [0; 32];
        bytes.copy_from_slice(pair.public_key().as_ref());
        Ok(Self { pair, public: VerifyingKey { origin: origin.to_owned(), bytes } })
    }

    /// What checks its signatures.
    pub fn verifying(&self) -> &VerifyingKey {
        &self.public
    }

    /// The checkpoint as a signed note.
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        let text = self.public.text(checkpoint);
        let signature = self.pair.sign(text.as_bytes());
        let signed = STANDARD.encode([&self.public.id()[..], signature.as_ref()].concat());
        format!("{text}\n— {} {signed}\n", self.public.origin)
    }
}

impl VerifyingKey {
    /// Reads a note; `None` if this key did not sign it, or it is none.
    pub fn open(&self, note: &str) -> Option<Checkpoint> {
        let (text, signatures) = note.split_once("\n\n")?;
        let text = format!("{text}\n");
        let ours = format!("— {} ", self.origin);
        let signed = signatures.lines().find_map(|line| line.strip_prefix(&ours))?;
        let signed = STANDARD.decode(signed).ok()?;
        let signature = signed.strip_prefix(&self.id()[..])?;
        UnparsedPublicKey::new(&ED25519, &self.bytes).verify(text.as_bytes(), signature).ok()?;
        let lines: Vec<&str> = text.lines().collect();
        let [first, count, hash, kind] = lines[..] else { return None };
        let chain = first.strip_prefix("tenantry-audit/")?.strip_prefix(&self.origin)?.strip_prefix('/')?;
        let chain = String::from_utf8(STANDARD.decode(chain).ok()?).ok()?;
        Some(Checkpoint {
            chain: Chain::read(&chain)?,
            sequence: count.parse().ok()?,
            hash: Hash::of_bytes(&STANDARD.decode(hash).ok()?)?,
            kind: match kind {
                "head" => Kind::Head,
                "cut" => Kind::Cut,
                _ => return None,
            },
        })
    }

    /// Reads the form of [`text_form`](Self::text_form).
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(origin), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Public);
        };
        let key = STANDARD.decode(key).map_err(|_| KeyError::Public)?;
        let bytes: [u8; 32] = key.strip_prefix(&[1]).and_then(|k| k.try_into().ok()).ok_or(KeyError::Public)?;
        let read = Self { origin: origin.to_owned(), bytes };
        // the id is made of origin and key: a typing error in either shows
        if read.text_form().split('+').nth(1) == Some(id) { Ok(read) } else { Err(KeyError::Public) }
    }

    /// As other tools take it: `origin+id+key`.
    pub fn text_form(&self) -> String {
        let id: String = self.id().iter().map(|b| format!("{b:02x}")).collect();
        format!("{}+{id}+{}", self.origin, STANDARD.encode([&[1], &self.bytes[..]].concat()))
    }

    fn text(&self, checkpoint: &Checkpoint) -> String {
        let chain = STANDARD.encode(checkpoint.chain.name());
        let kind = match checkpoint.kind {
            Kind::Head => "head",
            Kind::Cut => "cut",
        };
        format!("tenantry-audit/{}/{chain}\n{}\n{}\n{kind}\n", self.origin, checkpoint.sequence, checkpoint.hash)
    }

    fn id(&self) -> [u8; 4] {
        let plain = [self.origin.as_bytes(), b"\n\x01", &self.bytes].concat();
        let mut id = [0; 4];
        id.copy_from_slice(&digest(&SHA256, &plain).as_ref()[..4]);
        id
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.trim().as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_what_was_signed_and_nothing_else() {
        let key = SigningKey::new("example.org", &"01".repeat(32)).unwrap();
        let checkpoint =
            Checkpoint { chain: Chain::of(Some("a\nb")), sequence: 7, hash: Hash([3; 32]), kind: Kind::Head };
        let note = key.sign(&checkpoint);
        assert_eq!(key.verifying().open(&note), Some(checkpoint));
        for (from, to) in [("\n7\n", "\n8\n"), ("head", "cut"), ("example.org ", "example.com ")] {
            assert_eq!(key.verifying().open(&note.replace(from, to)), None, "{from}");
        }
        let text = key.verifying().text_form();
        assert_eq!(VerifyingKey::parse(&text).as_ref(), Ok(key.verifying()));
        assert_eq!(VerifyingKey::parse(&text.replace(".org", ".com")), Err(KeyError::Public));
        assert_eq!(VerifyingKey::parse("nonsense"), Err(KeyError::Public));
        let other = SigningKey::new("example.org", &"02".repeat(32)).unwrap();
        assert_eq!(other.verifying().open(&note), None);
        assert_eq!(key.verifying().open(""), None);
        assert!(SigningKey::new("a b", &"01".repeat(32)).is_err() && SigningKey::new("a", "01").is_err());
        assert!(!format!("{key:?}").contains("0101"));
    }
}
