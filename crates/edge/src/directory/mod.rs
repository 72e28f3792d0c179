//! Which tenants there are: the list that gateway and proxy read, and somebody else publishes.
//!
//! Readers load one pointer; publishing swaps it and never makes them wait. Each tenant has one live entry that
//! outlasts the lists, so that whoever works for a tenant sees its suspension at once, and its counts go on.

pub mod domain;
pub mod facts;
pub mod file;
mod observed;
mod open;
pub mod slug;
mod snapshot;
mod tenant;

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tenantry_model::{Class, KeyKind, TenantKey};

pub use facts::{Credential, Isolation, Limits, TenantFacts, TenantState};
pub use observed::Observed;
pub use open::OPEN_TENANTS_MAX;
pub use snapshot::{Snapshot, SnapshotBuilder, SnapshotError};

use open::{NoEntry, Open};
use tenant::Numbers;
pub(crate) use tenant::Tenant;

/// The directory, shared by all threads. Clones are the same directory.
#[derive(Clone, Debug)]
pub struct Directory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    mode: Mode,
    numbers: Numbers,
    /// Tenants that left, newest last, so that what they used is still counted.
    departed: Mutex<Vec<Arc<Tenant>>>,
}

#[derive(Debug)]
enum Mode {
    Listed {
        published: ArcSwap<Published>,
        /// Locked while publishing. Keeps the last list until the next one, so that the reader who lets go of it
        /// last is not the one who has to free a hundred thousand entries.
        retired: Mutex<Vec<Arc<Published>>>,
    },
    Open(Open),
}

/// A list with the live entry of each of its tenants, position by position.
#[derive(Debug)]
pub(crate) struct Published {
    snapshot: Arc<Snapshot>,
    live: Vec<Arc<Tenant>>,
}

/// Tenants that left and are remembered for the sake of their usage; beyond it the oldest that nobody holds go.
pub const DEPARTED_MAX: usize = 10_000;

/// Why a list was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// An older list must not bring back who was suspended since.
    #[error("the directory has generation {have} and takes no generation {offered}: number lists upwards")]
    Stale {
        /// What is published.
        have: u64,
        /// What was offered.
        offered: u64,
    },
    /// An open directory has no list.
    #[error("this directory is open (every key of its type is a tenant) and takes no list: start it with a list")]
    Open,
    /// More entries were made than numbers reach.
    #[error("the directory has given away all its tenant numbers: restart the process")]
    NumbersSpent,
}

impl PublishError {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Stale { .. } => Class::Conflict,
            Self::Open => Class::Caller,
            Self::NumbersSpent => Class::Bug,
        }
    }
}

/// What publishing changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Tenants that were not listed before.
    pub added: usize,
    /// Tenants that are listed no more; to those who hold them they are deleted.
    pub removed: usize,
    /// Tenants that were active and are not.
    pub stopped: usize,
}

/// Why there is no live entry for a claim.
pub(crate) enum NotFound {
    Unknown,
    Full,
}

impl Directory {
    /// Whether both are the same directory, not only alike.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A directory with this first list.
    pub fn new(snapshot: Snapshot) -> Result<Self, PublishError> {
        let directory = Self::empty(snapshot.kind());
        directory.swap(snapshot, true)?;
        Ok(directory)
    }

    /// A directory without tenants, until one is published.
    pub fn empty(kind: KeyKind) -> Self {
        let published = Published { snapshot: Arc::new(Snapshot::empty(kind)), live: Vec::new() };
        Self::with(Mode::Listed { published: ArcSwap::from_pointee(published), retired: Mutex::default() })
    }

    /// A directory without a list: every key of this type, canonically written, is an active tenant with these limits.
    pub fn open(kind: KeyKind, limits: Limits) -> Self {
        Self::open_with(kind, limits, OPEN_TENANTS_MAX)
    }

    /// The same, remembering at most so many tenants.
    pub fn open_with(kind: KeyKind, limits: Limits, tenants_max: usize) -> Self {
        Self::with(Mode::Open(Open::new(kind, limits, tenants_max)))
    }

    fn with(mode: Mode) -> Self {
        Self(Arc::new(Inner { mode, numbers: Numbers::default(), departed: Mutex::default() }))
    }

    /// The list as it is now; `None` for an open directory.
    pub fn load(&self) -> Option<Arc<Snapshot>> {
        match &self.0.mode {
            Mode::Listed { published, .. } => Some(published.load().snapshot.clone()),
            Mode::Open(_) => None,
        }
    }

    /// The number of the list; 0 for an open directory. A cache that kept this number knows whether it is stale.
    pub fn generation(&self) -> u64 {
        match &self.0.mode {
            Mode::Listed { published, .. } => published.load().snapshot.generation(),
            Mode::Open(_) => 0,
        }
    }

    /// The type of the tenants' keys.
    pub fn kind(&self) -> KeyKind {
        match &self.0.mode {
            Mode::Listed { published, .. } => published.load().snapshot.kind(),
            Mode::Open(open) => open.kind(),
        }
    }

    /// What is published of the tenant of this slug, or of the key written exactly so. Admits nobody.
    pub fn find(&self, name: &str) -> Option<Arc<TenantFacts>> {
        match &self.0.mode {
            Mode::Listed { published, .. } => published.load().snapshot.find(name).cloned(),
            Mode::Open(open) => open.facts(&open.key_of_name(name)?),
        }
    }

    /// What is published of the tenant of this key. Admits nobody.
    pub fn find_key(&self, key: &TenantKey) -> Option<Arc<TenantFacts>> {
        match &self.0.mode {
            Mode::Listed { published, .. } => published.load().snapshot.find_key(key).cloned(),
            Mode::Open(open) => open.facts(key),
        }
    }

    /// Replaces the list. When this returns, nobody is admitted to a tenant that the new list does not let work, and
    /// everybody who holds such a tenant sees it.
    pub fn publish(&self, snapshot: Snapshot) -> Result<Changes, PublishError> {
        self.swap(snapshot, false)
    }

    fn swap(&self, mut snapshot: Snapshot, first: bool) -> Result<Changes, PublishError> {
        let Mode::Listed { published, retired } = &self.0.mode else { return Err(PublishError::Open) };
        let mut retired = retired.lock().unwrap_or_else(PoisonError::into_inner);
        let before = published.load_full();
        let (have, offered) = (before.snapshot.generation(), snapshot.generation());
        if offered <= have && !first {
            return Err(PublishError::Stale { have, offered });
        }
        let mut changes = Changes::default();
        let mut live = Vec::with_capacity(snapshot.len());
        let mut kept = vec![false; before.live.len()];
        // numbers first: nothing has changed yet if they run out
        for facts in &snapshot.tenants {
            live.push(match before.snapshot.position_of_key(&facts.key) {
                Some(at) => {
                    kept[at as usize] = true;
                    before.live[at as usize].clone()
                }
                None => {
                    changes.added += 1;
                    Tenant::new(facts, self.0.numbers.next().ok_or(PublishError::NumbersSpent)?)
                }
            });
        }
        for (tenant, facts) in live.iter().zip(&mut snapshot.tenants) {
            let worked = tenant.state() == TenantState::Active;
            tenant.follow(facts);
            changes.stopped += usize::from(worked && facts.state != TenantState::Active);
        }
        let gone = before.live.iter().zip(kept).filter(|(_, kept)| !kept).map(|(tenant, _)| tenant.clone());
        let gone: Vec<_> = gone.inspect(|tenant| tenant.depart()).collect();
        changes.removed = gone.len();
        self.0.remember(gone);
        published.store(Arc::new(Published { snapshot: Arc::new(snapshot), live }));
        retired.retain(|list| Arc::strong_count(list) > 1);
        retired.push(before);
        Ok(changes)
    }

    /// Shows every tenant that has an entry, then those that left and are remembered for what they used. Who leaves
    /// while this goes on may be shown twice, and is never left out.
    pub fn each(&self, mut visit: impl FnMut(Observed<'_>)) {
        // copied, so that nothing is locked while the visitor works; and those that left come last, since whoever
        // leaves is remembered before it is taken from the list
        match &self.0.mode {
            Mode::Listed { published, .. } => published.load_full().live.iter().for_each(|t| visit(Observed(t))),
            Mode::Open(open) => open.all().iter().for_each(|t| visit(Observed(t))),
        }
        let departed = self.0.departed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        departed.iter().for_each(|t| visit(Observed(t)));
    }

    /// Answers several questions from one list, so that a publish in between cannot mix two.
    pub(crate) fn reader(&self) -> Reader<'_> {
        match &self.0.mode {
            Mode::Listed { published, .. } => Reader::Listed(published.load()),
            Mode::Open(open) => Reader::Open(open, self),
        }
    }
}

impl Inner {
    fn remember(&self, gone: Vec<Arc<Tenant>>) {
        if gone.is_empty() {
            return;
        }
        let mut departed = self.departed.lock().unwrap_or_else(PoisonError::into_inner);
        departed.extend(gone);
        let mut over = departed.len().saturating_sub(DEPARTED_MAX);
        departed.retain(|tenant| {
            let goes = over > 0 && Arc::strong_count(tenant) == 1;
            over -= usize::from(goes);
            !goes
        });
    }
}

/// One list, held for the length of one admission.
pub(crate) enum Reader<'a> {
    Listed(arc_swap::Guard<Arc<Published>>),
    Open(&'a Open, &'a Directory),
}

impl Reader<'_> {
    pub(crate) fn by_slug(&self, slug: &str) -> Result<Arc<Tenant>, NotFound> {
        match self {
            Self::Listed(list) => list.at(list.snapshot.position_of_slug(slug)),
            Self::Open(..) => Err(NotFound::Unknown),
        }
    }

    pub(crate) fn by_domain(&self, domain: &str) -> Result<Arc<Tenant>, NotFound> {
        match self {
            Self::Listed(list) => list.at(list.snapshot.position_of_domain(domain)),
            Self::Open(..) => Err(NotFound::Unknown),
        }
    }

    pub(crate) fn by_name(&self, name: &str) -> Result<Arc<Tenant>, NotFound> {
        match self {
            Self::Listed(list) => list.at(list.snapshot.position_of_name(name)),
            Self::Open(open, _) => self.by_key(&open.key_of_name(name).ok_or(NotFound::Unknown)?),
        }
    }

    pub(crate) fn by_key(&self, key: &TenantKey) -> Result<Arc<Tenant>, NotFound> {
        match self {
            Self::Listed(list) => list.at(list.snapshot.position_of_key(key)),
            Self::Open(open, directory) => {
                let inner = &directory.0;
                open.enter(key, &inner.numbers, |gone| inner.remember(gone)).map_err(|why| match why {
                    NoEntry::NoKey => NotFound::Unknown,
                    NoEntry::Full => NotFound::Full,
                })
            }
        }
    }
}

impl Published {
    fn at(&self, position: Option<u32>) -> Result<Arc<Tenant>, NotFound> {
        position.map(|at| self.live[at as usize].clone()).ok_or(NotFound::Unknown)
    }
}
