//! How entries are bound to each other.
//!
//! ```text
//! parts = for each part: length as 64 bits, big-endian, then the bytes
//! hash  = SHA-256(parts("tenantry audit 1", chain, sequence as 64 bits, hash before, body))
//! ```
//!
//! Each tenant has a chain, the platform has one. The first entry's number is 1, and the hash before it is 32 zeros.
//! Chain and number are inside the hash: an entry that moves, or comes from another tenant's chain, does not fit.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The hash of an entry with all before it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Before the first entry.
    pub const ZERO: Self = Self([0; 32]);

    /// From its bytes, if they are as many.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whose chain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chain {
    /// The platform's own.
    Platform,
    /// A tenant's.
    Tenant(String),
}

impl Chain {
    /// The chain an entry belongs to.
    pub fn of(tenant: Option<&str>) -> Self {
        tenant.map_or(Self::Platform, |tenant| Self::Tenant(tenant.to_owned()))
    }

    /// Its name: `platform`, or `tenant/` and the key. No tenant's name is the platform's.
    pub fn name(&self) -> String {
        match self {
            Self::Platform => "platform".into(),
            Self::Tenant(key) => format!("tenant/{key}"),
        }
    }

    /// Reads a name.
    pub fn read(name: &str) -> Option<Self> {
        match name.strip_prefix("tenant/") {
            Some(key) => Some(Self::Tenant(key.to_owned())),
            None => (name == "platform").then_some(Self::Platform),
        }
    }

    /// The hash of the entry of this number and text.
    pub fn link(&self, sequence: u64, before: &Hash, body: &str) -> Hash {
        let mut plain = Vec::with_capacity(body.len() + 160);
        for part in [
            b"tenantry audit 1".as_slice(),
            self.name().as_bytes(),
            &sequence.to_be_bytes(),
            &before.0,
            body.as_bytes(),
        ] {
            plain.extend_from_slice(&(part.len() as u64).to_be_bytes());
            plain.extend_from_slice(part);
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, &plain).as_ref());
        Hash(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_counts() {
        let (a, b) = (Chain::of(Some("a")), Chain::of(Some("platform")));
        let one = a.link(1, &Hash::ZERO, "body");
        let others = [
            b.link(1, &Hash::ZERO, "body"),
            Chain::Platform.link(1, &Hash::ZERO, "body"),
            a.link(2, &Hash::ZERO, "body"),
            a.link(1, &one, "body"),
            a.link(1, &Hash::ZERO, "body "),
        ];
        assert!(others.iter().all(|other| *other != one));
        for chain in [a, b, Chain::Platform] {
            assert_eq!(Chain::read(&chain.name()), Some(chain));
        }
        assert_eq!(Chain::read("other"), None);
    }
}
