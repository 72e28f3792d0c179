//! The cache: spaces by tenant, the line to Redis, and the task that tidies up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use tenantry_edge::admission::{Admitted, Claim};
use tenantry_edge::directory::{Directory, TenantState};
use tenantry_model::TenantKey;
use tokio::task::AbortHandle;

use crate::ablation::Protection;
use crate::counters::{LineUsed, Used};
use crate::error::CacheError;
use crate::key::{Asked, Key};
use crate::local::shares::Shares;
use crate::local::space::{Entry, Space};
use crate::message::Message;
use crate::remote::{Reach, Remote};
use crate::scope::Scope;
use crate::secret::Keys;
use crate::settings::Settings;

/// How often what is over is forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// What a space may keep of its grant beside a half of what it holds.
const SLACK_BYTES: u64 = 64 << 10;

/// A cache for the tenants of one directory. Clones share everything; the last one ends its tasks.
#[derive(Clone)]
pub struct Cache {
    pub(crate) inner: Arc<Inner>,
    _tasks: Arc<Tasks>,
}

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) keys: Arc<Keys>,
    pub(crate) remote: Option<Arc<Remote>>,
    directory: Directory,
    spaces: RwLock<HashMap<TenantKey, Arc<Space>>>,
    by_number: RwLock<HashMap<u32, Arc<Space>>>,
    shares: Mutex<Shares>,
    departed: Mutex<Used>,
}

struct Tasks(Vec<AbortHandle>);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

/// What is known of one tenant's entries in this process.
#[derive(Clone, Debug)]
pub struct SpaceSeen {
    /// Whose.
    pub tenant: TenantKey,
    /// What was done.
    pub used: Used,
    /// Bytes of the first level.
    pub bytes: u64,
}

/// What is known of a cache.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Each tenant that has something in the first level.
    pub spaces: Vec<SpaceSeen>,
    /// All that had.
    pub departed: Used,
    /// Most bytes of the first level.
    pub bytes_max: u64,
    /// Whether there is a line to Redis now; `None` where there is to be none.
    pub connected: Option<bool>,
    /// What happened on it.
    pub line: LineUsed,
}

impl Cache {
    /// A cache for the tenants of a directory. Begins to connect where Redis is named, and does not wait for it. Needs
    /// a tokio runtime.
    pub fn start(directory: Directory, settings: Settings) -> Self {
        let keys = Arc::new(Keys::new(&settings.secret, &settings.realm, settings.removed));
        let remote = settings.redis.clone().map(|redis| Arc::new(Remote::new(redis, keys.clone(), &settings)));
        let fair = !settings.removed.has(Protection::Share);
        let inner = Arc::new(Inner {
            shares: Mutex::new(Shares::new(settings.bytes_max, fair)),
            settings,
            keys,
            remote,
            directory,
            spaces: RwLock::default(),
            by_number: RwLock::default(),
            departed: Mutex::default(),
        });
        let mut tasks = Vec::new();
        if let Some(remote) = &inner.remote {
            tasks.push(tokio::spawn(remote.clone().keep_line(Arc::downgrade(&inner))).abort_handle());
        }
        let swept = Arc::downgrade(&inner);
        tasks.push(
            tokio::spawn(async move {
                let mut every = tokio::time::interval_at(tokio::time::Instant::now() + SWEEP_EVERY, SWEEP_EVERY);
                every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                loop {
                    every.tick().await;
                    let Some(inner) = swept.upgrade() else { return };
                    inner.sweep().await;
                }
            })
            .abort_handle(),
        );
        Self { inner, _tasks: Arc::new(Tasks(tasks)) }
    }

    /// The entries of an admitted tenant, or of the part of it that was admitted. The only way to any entry.
    pub fn scope<'a>(&'a self, admitted: &'a Admitted) -> Result<Scope<'a>, CacheError> {
        if !self.inner.settings.removed.has(Protection::State) {
            admitted.check().map_err(CacheError::Refused)?;
        }
        let space = self.inner.space(admitted)?;
        Ok(Scope::new(&self.inner, space, admitted))
    }

    /// Forgets everything of every tenant, in all processes: after a restore, or when changes may have gone unheard.
    pub async fn clear_all(&self) -> Reach {
        self.inner.forget(&Message::All).await
    }

    /// Forgets an entry of a tenant that is named and not admitted: for whoever hears of changes.
    pub(crate) async fn forget(&self, message: &Message) -> Reach {
        self.inner.forget(message).await
    }

    /// Forgets what is over now; a task does it every ten seconds.
    pub async fn sweep(&self) {
        self.inner.sweep().await;
    }

    /// Whether the line to Redis is there; true where none is wanted.
    pub fn is_connected(&self) -> bool {
        self.inner.remote.as_ref().is_none_or(|remote| remote.is_connected())
    }

    /// Waits until the line to Redis is there.
    pub async fn connected(&self) {
        if let Some(remote) = &self.inner.remote {
            remote.connected().await;
        }
    }

    /// What is known now.
    pub fn seen(&self) -> Seen {
        let spaces = self.inner.all();
        let mut spaces: Vec<SpaceSeen> = spaces
            .iter()
            .map(|s| SpaceSeen { tenant: s.admitted.key().clone(), used: s.counters.seen(), bytes: s.bytes() })
            .collect();
        spaces.sort_by(|a, b| a.tenant.cmp(&b.tenant));
        Seen {
            spaces,
            departed: *self.inner.departed.lock().unwrap_or_else(PoisonError::into_inner),
            bytes_max: self.inner.settings.bytes_max,
            connected: self.inner.remote.as_ref().map(|r| r.is_connected()),
            line: self.inner.remote.as_ref().map(|r| r.counters.seen()).unwrap_or_default(),
        }
    }
}

impl Inner {
    fn space(&self, admitted: &Admitted) -> Result<Arc<Space>, CacheError> {
        let known = self.spaces.read().unwrap_or_else(PoisonError::into_inner).get(admitted.key()).cloned();
        match known {
            Some(space) if space.admitted.is_same_tenant(admitted) => Ok(space),
            _ => self.new_space(admitted),
        }
    }

    /// Asks the directory whether the tenant is one of its own, once for each entry of it.
    fn new_space(&self, admitted: &Admitted) -> Result<Arc<Space>, CacheError> {
        let ours = self.directory.admit(&Claim::Key(admitted.key().clone())).map_err(CacheError::Refused)?;
        if !ours.is_same_tenant(admitted) {
            return Err(CacheError::OtherDirectory);
        }
        let key = ours.key().clone();
        let (sealing, generation) = (self.keys.of_tenant(&key), self.keys.generation(&key));
        let owner = self.keys.owner(&key);
        let space = Arc::new(Space::new(ours, sealing, generation, owner, self.settings.removed));
        let mut spaces = self.spaces.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = spaces.get(&key).filter(|known| known.admitted.is_same_tenant(admitted)) {
            return Ok(known.clone());
        }
        if let Some(former) = spaces.insert(key, space.clone()) {
            self.retire(&former);
        }
        self.by_number.write().unwrap_or_else(PoisonError::into_inner).insert(space.number(), space.clone());
        self.shares.lock().unwrap_or_else(PoisonError::into_inner).enter(space.number(), admitted.weight());
        Ok(space)
    }

    fn retire(&self, space: &Space) {
        space.clear();
        self.departed.lock().unwrap_or_else(PoisonError::into_inner).add(&space.counters.seen());
        self.shares.lock().unwrap_or_else(PoisonError::into_inner).leave(space.number());
        self.by_number.write().unwrap_or_else(PoisonError::into_inner).remove(&space.number());
    }

    /// Makes room for an entry, among others' if the tenant has less than its share. False if it could never fit.
    pub(crate) fn make_room(&self, space: &Space, asked: &Asked<'_>, entry: &Entry) -> bool {
        if entry.value.as_ref().map_or(0, Bytes::len) as u64 >= self.settings.bytes_max {
            return false;
        }
        let missing = space.missing(asked, entry.value.as_ref());
        if missing == 0 {
            return true;
        }
        // grants are set under the lock, so that an older answer never overwrites a newer one
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = shares.ask(space.number(), missing);
        let by_number = self.by_number.read().unwrap_or_else(PoisonError::into_inner);
        for (who, granted) in changes {
            if let Some(space) = by_number.get(&who) {
                space.grant(granted);
            }
        }
        true
    }

    pub(crate) async fn sweep(&self) {
        let now = self.settings.clock.now();
        for space in self.all() {
            if space.admitted.state() == TenantState::Deleted {
                space.clear();
                self.forget(&Message::Tenant { tenant: space.admitted.key().clone() }).await;
            }
            space.sweep(now);
            {
                // a half more than it holds, for what is being put meanwhile
                let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
                let bytes = space.bytes();
                if let Some((_, granted)) = shares.shrink(space.number(), bytes + bytes / 2 + SLACK_BYTES) {
                    space.grant(granted);
                }
            }
            let mut spaces = self.spaces.write().unwrap_or_else(PoisonError::into_inner);
            // whoever works with it holds it too: the two maps and this loop are three
            let held = Arc::strong_count(&space) > 3;
            if !held && space.is_empty() {
                spaces.remove(space.admitted.key());
                self.retire(&space);
            }
        }
    }

    /// Forgets the first level: what may have been removed meanwhile is not believed.
    pub(crate) fn clear_here(&self) {
        self.all().iter().for_each(|space| space.clear());
    }

    pub(crate) fn all(&self) -> Vec<Arc<Space>> {
        self.spaces.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn known(&self, tenant: &TenantKey) -> Option<Arc<Space>> {
        self.spaces.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }

    /// Does here what a message says.
    pub(crate) fn hear(&self, message: &Message) {
        let space = |tenant| self.known(tenant);
        match message {
            Message::Entry { tenant, unit, kind, id } => {
                let asked = Asked { unit: unit.as_ref(), key: Key { kind, id } };
                space(tenant).inspect(|s| s.remove(&asked));
            }
            Message::Kind { tenant, kind } => drop(space(tenant).inspect(|s| s.remove_kind(kind))),
            Message::Tenant { tenant } => drop(space(tenant).inspect(|s| s.clear())),
            Message::All => self.clear_here(),
        }
    }

    /// Does what a message says here and in Redis, and tells the others.
    pub(crate) async fn forget(&self, message: &Message) -> Reach {
        self.hear(message);
        let Some(remote) = &self.remote else { return Reach::Everywhere };
        let (reach, more) = remote.forget(message).await;
        // what was read from Redis while it was still there
        self.hear(more.as_ref().unwrap_or(message));
        reach
    }
}
