//! How entries are named: the same rule here, in `sdk/typescript` and in `sdk/python`.
//!
//! Every name is made from parts, each with its length in front of it, so that no text inside a part can look like the
//! end of it: tenant `a:b` and key `c` never meet tenant `a` and key `b:c`. Outside the process a name is
//! HMAC-SHA256 of its parts under a key only the applications have: whoever looks into Redis sees neither tenants nor
//! keys, and cannot find out by trying. All 256 bits are kept.
//!
//! ```text
//! parts   = for each part: length as 32 bits, big-endian, then the bytes
//! tenant  = its kind (uuid, integer, bigint, text), its text as PostgreSQL prints it
//! entry   = parts("entry", realm, tenant kind, tenant, unit kind or "", unit or "", kind, id)
//! name    = base64url(HMAC-SHA256(name key, parts)), without padding
//! ```

use std::hash::{Hash, Hasher};

use equivalent::Equivalent;
use tenantry_model::{Class, KeyKind, TenantKey};

/// Longest kind of an entry in bytes.
pub const KIND_BYTES_MAX: usize = 64;
/// Longest id of an entry in bytes.
pub const ID_BYTES_MAX: usize = 1024;

/// Which entry of a tenant: what kind of thing, and which of them. Neither needs escaping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key<'a> {
    /// What it is: `segment`, `segments`. All entries of a kind can be dropped at once.
    pub kind: &'a str,
    /// Which of them; may be empty.
    pub id: &'a str,
}

impl<'a> From<(&'a str, &'a str)> for Key<'a> {
    fn from((kind, id): (&'a str, &'a str)) -> Self {
        Self { kind, id }
    }
}

/// A key that cannot name an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The kind is empty or too long.
    #[error(
        "the kind of a cache entry has 1 to {KIND_BYTES_MAX} bytes, this one has {bytes}: name what is cached, as in `segment`"
    )]
    Kind {
        /// Its length.
        bytes: usize,
    },
    /// The id is too long.
    #[error(
        "the id of a cache entry has at most {ID_BYTES_MAX} bytes, this one has {bytes}: hash what makes it so long"
    )]
    Id {
        /// Its length.
        bytes: usize,
    },
}

impl KeyError {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        Class::Caller
    }
}

impl Key<'_> {
    /// Whether it can name an entry.
    pub fn check(&self) -> Result<(), KeyError> {
        if self.kind.is_empty() || self.kind.len() > KIND_BYTES_MAX {
            return Err(KeyError::Kind { bytes: self.kind.len() });
        }
        if self.id.len() > ID_BYTES_MAX {
            return Err(KeyError::Id { bytes: self.id.len() });
        }
        Ok(())
    }
}

/// The key as the first level keeps it: the whole of it is compared, nothing is hashed away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) unit: Option<TenantKey>,
    pub(crate) kind: Box<str>,
    pub(crate) id: Box<str>,
}

/// The same, borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) unit: Option<&'a TenantKey>,
    pub(crate) key: Key<'a>,
}

impl Kept {
    pub(crate) fn asked(&self) -> Asked<'_> {
        Asked { unit: self.unit.as_ref(), key: Key { kind: &self.kind, id: &self.id } }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.kind.len() + self.id.len() + self.unit.as_ref().map_or(0, |_| std::mem::size_of::<TenantKey>())
    }
}

impl Asked<'_> {
    pub(crate) fn kept(self) -> Kept {
        Kept { unit: self.unit.cloned(), kind: self.key.kind.into(), id: self.key.id.into() }
    }
}

impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.unit.hash(state);
        self.key.hash(state);
    }
}

impl Hash for Kept {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.asked().hash(state);
    }
}

impl Equivalent<Kept> for Asked<'_> {
    fn equivalent(&self, kept: &Kept) -> bool {
        self.unit == kept.unit.as_ref() && self.key.kind == &*kept.kind && self.key.id == &*kept.id
    }
}

/// Parts with their lengths in front.
pub(crate) fn parts(all: &[&str]) -> Vec<u8> {
    let mut out = Vec::with_capacity(all.iter().map(|p| p.len() + 4).sum());
    add_parts(all, &mut out);
    out
}

/// The same, behind what is there.
pub(crate) fn add_parts(all: &[&str], out: &mut Vec<u8>) {
    for part in all {
        // a part is at most a key's length, far below 4 GiB
        out.extend_from_slice(&(part.len() as u32).to_be_bytes());
        out.extend_from_slice(part.as_bytes());
    }
}

/// The two parts that say who the tenant is.
pub(crate) fn tenant_parts(tenant: &TenantKey) -> (&'static str, String) {
    let kind = match tenant.kind() {
        KeyKind::Uuid => "uuid",
        KeyKind::Integer => "integer",
        KeyKind::Bigint => "bigint",
        KeyKind::Text => "text",
    };
    (kind, tenant.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::hash::{BuildHasher, RandomState};

    use proptest::prelude::*;

    use super::*;

    fn odd() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            prop::sample::select(vec![
                "",
                "a",
                "b",
                ":",
                "|",
                "{",
                "}",
                "*",
                "\0",
                "%",
                "\n",
                "\r\n",
                "é",
                "4",
                "\u{0}\u{0}\u{0}\u{1}",
            ]),
            0..5,
        )
        .prop_map(|v| v.concat())
    }

    proptest! {
        #[test]
        fn different_parts_have_different_bytes(a in proptest::collection::vec(odd(), 0..5), b in proptest::collection::vec(odd(), 0..5)) {
            let refs = |v: &Vec<String>| v.iter().map(String::as_str).map(str::to_owned).collect::<Vec<_>>();
            let (x, y) = (refs(&a), refs(&b));
            let (x, y): (Vec<&str>, Vec<&str>) = (x.iter().map(|s| &**s).collect(), y.iter().map(|s| &**s).collect());
            prop_assert_eq!(parts(&x) == parts(&y), a == b);
        }
    }

    #[test]
    fn what_is_asked_finds_what_is_kept() {
        let hasher = RandomState::new();
        let unit = TenantKey::Integer(3);
        let asked = Asked { unit: Some(&unit), key: Key { kind: "k", id: "i" } };
        assert_eq!(hasher.hash_one(asked), hasher.hash_one(asked.kept()));
        assert!(asked.equivalent(&asked.kept()));
        let without = Asked { unit: None, ..asked };
        assert!(!without.equivalent(&asked.kept()));
        let mut map = HashMap::new();
        map.insert(asked.kept(), 1);
        assert!(!map.contains_key(&without.kept()));
    }

    #[test]
    fn keys_have_bounds() {
        assert!(Key { kind: "", id: "" }.check().is_err());
        assert!(Key { kind: &"k".repeat(65), id: "" }.check().is_err());
        assert!(Key { kind: "k", id: &"i".repeat(1025) }.check().is_err());
        assert!(Key { kind: "k", id: "" }.check().is_ok());
    }
}
