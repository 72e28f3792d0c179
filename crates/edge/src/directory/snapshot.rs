//! One published state of all tenants, indexed by key and by slug. Never changes after it is built.
//!
//! A list in which a name could mean two tenants is refused whole: admission must never have to choose.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;
use tenantry_model::{Class, KeyKind, TenantKey};

use super::domain::{DOMAIN_BYTES_MAX, is_canonical};
use super::facts::TenantFacts;
use super::slug::{SLUG_BYTES_MAX, is_slug};

/// Why a list of tenants cannot be published. The message names the entry and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Keys of two types: the same text could be two keys.
    #[error(
        "tenant `{key}` has a key of type {found:?}, and this directory's keys are of type {wanted:?}: give every tenant a key of the tenant column's type"
    )]
    KeyKind {
        /// The tenant.
        key: TenantKey,
        /// Its key's type.
        found: KeyKind,
        /// The directory's.
        wanted: KeyKind,
    },
    /// The same key twice.
    #[error("tenant `{key}` is listed twice: leave one entry")]
    DuplicateKey {
        /// The key.
        key: TenantKey,
    },
    /// Not a slug.
    #[error(
        "tenant `{key}` has the slug `{slug}`: a slug has 1 to {SLUG_BYTES_MAX} lower-case letters, digits and `-`, none at either end"
    )]
    Slug {
        /// The tenant.
        key: TenantKey,
        /// What it is called.
        slug: Box<str>,
    },
    /// The same slug twice.
    #[error("tenants `{first}` and `{second}` share the slug `{slug}`: rename one")]
    DuplicateSlug {
        /// The slug.
        slug: Box<str>,
        /// Who had it first.
        first: TenantKey,
        /// Who has it too.
        second: TenantKey,
    },
    /// A slug that is, or can become, another tenant's key.
    #[error("tenant `{key}` has the slug `{slug}`, which reads as the key of another tenant: rename it")]
    SlugIsKey {
        /// The tenant.
        key: TenantKey,
        /// Its slug.
        slug: Box<str>,
    },
    /// A host name that is none, or is not written in the one way it is looked up.
    #[error(
        "tenant `{key}` has the domain `{domain}`: write a full host name in lower case, without a dot at the end, other scripts as `xn--…`, at most {DOMAIN_BYTES_MAX} bytes"
    )]
    Domain {
        /// The tenant.
        key: TenantKey,
        /// As it was written.
        domain: Box<str>,
    },
    /// The same host name twice.
    #[error("tenants `{first}` and `{second}` share the domain `{domain}`: take it from one")]
    DuplicateDomain {
        /// The host name.
        domain: Box<str>,
        /// Who had it first.
        first: TenantKey,
        /// Who has it too.
        second: TenantKey,
    },
    /// More than the numbers reach.
    #[error("a directory holds at most {} tenants", u32::MAX)]
    TooMany,
}

impl SnapshotError {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        Class::Caller
    }
}

/// Collects tenants and builds the index.
#[derive(Debug)]
pub struct SnapshotBuilder {
    snapshot: Snapshot,
}

impl SnapshotBuilder {
    /// Begins a list of tenants with keys of this kind. A directory takes only a higher generation than it has.
    pub fn new(kind: KeyKind, generation: u64) -> Self {
        Self::with_capacity(kind, generation, 0)
    }

    /// The same, for about so many tenants.
    pub fn with_capacity(kind: KeyKind, generation: u64, tenants: usize) -> Self {
        Self {
            snapshot: Snapshot {
                generation,
                kind,
                tenants: Vec::with_capacity(tenants),
                by_key: HashTable::with_capacity(tenants),
                by_slug: HashTable::with_capacity(tenants),
                by_domain: HashMap::new(),
                hasher: RandomState::new(),
            },
        }
    }

    /// Adds a tenant.
    pub fn add(&mut self, facts: impl Into<Arc<TenantFacts>>) -> Result<(), SnapshotError> {
        let facts = facts.into();
        let list = &mut self.snapshot;
        let kind = facts.key.kind();
        if kind != list.kind {
            return Err(SnapshotError::KeyKind { key: facts.key.clone(), found: kind, wanted: list.kind });
        }
        let position = u32::try_from(list.tenants.len()).map_err(|_| SnapshotError::TooMany)?;
        if list.position_of_key(&facts.key).is_some() {
            return Err(SnapshotError::DuplicateKey { key: facts.key.clone() });
        }
        if let Some(slug) = &facts.slug {
            if !is_slug(slug) {
                return Err(SnapshotError::Slug { key: facts.key.clone(), slug: (**slug).into() });
            }
            if let Some(first) = list.position_of_slug(slug) {
                let first = list.tenants[first as usize].key.clone();
                return Err(SnapshotError::DuplicateSlug { slug: (**slug).into(), first, second: facts.key.clone() });
            }
            let (hasher, tenants) = (&list.hasher, &list.tenants);
            list.by_slug.insert_unique(hasher.hash_one(&**slug), position, |at| {
                slug_hash(hasher, tenants, slug, *at, position)
            });
        }
        for domain in &facts.domains {
            let text = || Box::<str>::from(&**domain);
            if !is_canonical(domain) {
                return Err(SnapshotError::Domain { key: facts.key.clone(), domain: text() });
            }
            if let Some(first) = list.by_domain.insert(domain.clone(), position) {
                // the same tenant may have been given it twice
                let first = list.tenants.get(first as usize).map_or(&facts.key, |t| &t.key).clone();
                return Err(SnapshotError::DuplicateDomain { domain: text(), first, second: facts.key.clone() });
            }
        }
        let (hasher, tenants) = (&list.hasher, &list.tenants);
        list.by_key.insert_unique(hasher.hash_one(&facts.key), position, |at| {
            hasher.hash_one(tenants.get(*at as usize).map_or(&facts.key, |t| &t.key))
        });
        list.tenants.push(facts);
        Ok(())
    }

    /// Checks that no slug reads as another tenant's key, and gives the finished list.
    pub fn build(self) -> Result<Snapshot, SnapshotError> {
        let list = self.snapshot;
        // text keys differ by case, slugs do not: `Acme` the key and `acme` the slug are one name to people
        let mut text_keys: HashTable<u32> = HashTable::new();
        let lower = |t: &TenantFacts| match &t.key {
            TenantKey::Text(text) => text.to_ascii_lowercase(),
            _ => String::new(),
        };
        if list.kind == KeyKind::Text {
            for (at, tenant) in (0u32..).zip(&list.tenants) {
                let hash = |at: &u32| list.hasher.hash_one(lower(&list.tenants[*at as usize]));
                text_keys.insert_unique(list.hasher.hash_one(lower(tenant)), at, hash);
            }
        }
        for tenant in &list.tenants {
            let Some(slug) = &tenant.slug else { continue };
            let reads_as_another = match list.kind {
                KeyKind::Text => {
                    let same = |at: &u32| {
                        let other = &list.tenants[*at as usize];
                        other.key != tenant.key && lower(other) == **slug
                    };
                    text_keys.find(list.hasher.hash_one(&**slug), same).is_some()
                }
                // it need not exist yet: the day it does, the name would mean two
                kind => TenantKey::parse(kind, slug).is_ok_and(|key| key != tenant.key),
            };
            if reads_as_another {
                return Err(SnapshotError::SlugIsKey { key: tenant.key.clone(), slug: (**slug).into() });
            }
        }
        Ok(list)
    }
}

fn slug_hash(hasher: &RandomState, tenants: &[Arc<TenantFacts>], new: &str, at: u32, position: u32) -> u64 {
    if at == position {
        return hasher.hash_one(new);
    }
    hasher.hash_one(tenants[at as usize].slug.as_deref().unwrap_or_default())
}

/// All tenants at one moment.
pub struct Snapshot {
    generation: u64,
    kind: KeyKind,
    pub(super) tenants: Vec<Arc<TenantFacts>>,
    by_key: HashTable<u32>,
    by_slug: HashTable<u32>,
    by_domain: HashMap<Arc<str>, u32>,
    hasher: RandomState,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("generation", &self.generation).field("tenants", &self.len()).finish()
    }
}

impl Snapshot {
    /// No tenant at all, generation 0.
    pub fn empty(kind: KeyKind) -> Self {
        SnapshotBuilder::new(kind, 0).snapshot
    }

    /// Its number; a later list has a higher one.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The type of its keys.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// How many tenants it lists, suspended and deleted ones too.
    pub fn len(&self) -> usize {
        self.tenants.len()
    }

    /// Whether it lists none.
    pub fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    /// The tenants, in the order they were added.
    pub fn tenants(&self) -> impl ExactSizeIterator<Item = &Arc<TenantFacts>> {
        self.tenants.iter()
    }

    /// The tenant of this slug, or of the key that is written exactly so.
    pub fn find(&self, name: &str) -> Option<&Arc<TenantFacts>> {
        self.position_of_name(name).map(|at| &self.tenants[at as usize])
    }

    /// The tenant of this key.
    pub fn find_key(&self, key: &TenantKey) -> Option<&Arc<TenantFacts>> {
        self.position_of_key(key).map(|at| &self.tenants[at as usize])
    }

    pub(super) fn position_of_name(&self, name: &str) -> Option<u32> {
        self.position_of_slug(name).or_else(|| self.position_of_key(&canonical_key(self.kind, name)?))
    }

    pub(super) fn position_of_domain(&self, domain: &str) -> Option<u32> {
        self.by_domain.get(domain).copied()
    }

    pub(super) fn position_of_slug(&self, slug: &str) -> Option<u32> {
        let same = |at: &u32| self.tenants[*at as usize].slug.as_deref() == Some(slug);
        self.by_slug.find(self.hasher.hash_one(slug), same).copied()
    }

    pub(super) fn position_of_key(&self, key: &TenantKey) -> Option<u32> {
        self.by_key.find(self.hasher.hash_one(key), |at| self.tenants[*at as usize].key == *key).copied()
    }
}

/// The key that is written exactly like this: `{0A1B…}`, `+7` and `007` are other spellings, and no names.
pub(super) fn canonical_key(kind: KeyKind, text: &str) -> Option<TenantKey> {
    let key = TenantKey::parse(kind, text).ok()?;
    let mut rest = Rest(text);
    (write!(rest, "{key}").is_ok() && rest.0.is_empty()).then_some(key)
}

/// Compares what is written with a text, without keeping it.
struct Rest<'a>(&'a str);

impl fmt::Write for Rest<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(part).ok_or(fmt::Error)?;
        Ok(())
    }
}
