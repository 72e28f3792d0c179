//! What is done over the line. Each operation has a bounded time, and a failure is an answer: nothing is known.

use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use redis::{RedisError, Script};
use tenantry_model::TenantKey;

use super::gather::Unanswered;
use super::line::Line;
use super::scripts::{FORGET, GENERATION, STORE, UNLOCK, WRITE};
use super::{FAILURES_MAX, Remote};
use crate::ablation::Protection;
use crate::clock::millis;
use crate::counters::count;
use crate::key::{Asked, Key};
use crate::local::space::{Generations, Space};
use crate::message::Message;
use crate::seal::{self, Found, HEAD};
use crate::secret::{Name, fill};
use crate::settings::TTL_MAX;

/// How long a generation is kept; after that a tenant begins anew.
const GENERATION_SECONDS: u64 = 7 * 24 * 3600;
/// How long a removal is remembered: a load that takes longer is not kept in Redis.
const REMOVAL_MS: u64 = 60_000;
/// How long a lock is held by a process that died.
const LOCK_MS: u64 = 10_000;
/// First and longest pause between two looks of who waits for a lock.
const LOCK_PAUSE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

static STORE_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(STORE));
static WRITE_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(WRITE));
static GENERATION_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(GENERATION));
static FORGET_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(FORGET));
static UNLOCK_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(UNLOCK));

/// How far a removal or a write went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It is done in Redis, and the other processes are told.
    Everywhere,
    /// It is done in this process. Redis did not take it; it is tried again, and until then Redis is not asked for this
    /// tenant here. Other processes that have the entry may believe it until its time is over.
    HereOnly,
}

/// What a look found.
pub(crate) enum Looked {
    /// A value, or that there is none; how many milliseconds it lives on, and how many removals there were before.
    Found { value: Option<Bytes>, life: u64, removals: u64 },
    /// Nothing that counts; with this, what is loaded now can be stored.
    Missing(Ticket),
    /// Redis is not there, or not to be asked.
    Off,
}

/// What was seen before a load: it is stored only if that is still so.
pub(crate) struct Ticket {
    entry: Name,
    generations: Arc<Generations>,
    head: Vec<u8>,
    lock: Option<[u8; 16]>,
    /// On the cache's clock.
    seen: u64,
}

/// The generation under a name, made if there is none.
pub(super) async fn raw_generation(connection: &mut MultiplexedConnection, name: &str) -> Result<Vec<u8>, RedisError> {
    let known: Option<Vec<u8>> = redis::cmd("GET").arg(name).query_async(connection).await?;
    if let Some(known) = known {
        return Ok(known);
    }
    let mut fresh = [0; 16];
    fill(&mut fresh);
    GENERATION_SCRIPT.key(name).arg(&fresh[..]).arg(GENERATION_SECONDS).invoke_async(connection).await
}

/// Run, all tenants, tenant, kind: 16 bytes of SHA-256 over their lengths and themselves.
pub(crate) fn mix(of: [&[u8]; 4]) -> seal::Generation {
    let mut plain = Vec::with_capacity(128);
    for part in of {
        // none is longer than a run id
        plain.extend_from_slice(&(part.len() as u32).to_be_bytes());
        plain.extend_from_slice(part);
    }
    let mut out = [0; 16];
    out.copy_from_slice(&digest(&SHA256, &plain).as_ref()[..16]);
    out
}

impl Remote {
    /// Looks for an entry. `now` is the time on the cache's clock.
    pub(crate) async fn look(self: &Arc<Self>, space: &Space, asked: &Asked<'_>, now: u64) -> Looked {
        let Some(line) = self.line_for(space.admitted.key()) else { return Looked::Off };
        match self.look_on(&line, space, asked, now).await {
            Ok(looked) => self.done(Ok(looked)).unwrap_or(Looked::Off),
            Err(Some(error)) => self.done(Err(error)).unwrap_or(Looked::Off),
            Err(None) => Looked::Off,
        }
    }

    async fn look_on(
        self: &Arc<Self>,
        line: &Arc<Line>,
        space: &Space,
        asked: &Asked<'_>,
        now: u64,
    ) -> Result<Looked, Unanswered> {
        let entry = self.keys.entry_of(&space.owner, asked);
        let name = self.name('e', &entry);
        let mut seen = now;
        let (removals, mut known) = space.view(asked.key.kind, line.epoch.load(Ordering::Acquire));
        let mut stored: Option<Vec<u8>> = None;
        if known.is_some() {
            stored = self.get(line, &name).await?;
        }
        loop {
            let asked_now = known.is_none();
            let generations = match known.take() {
                Some(known) => known,
                None => {
                    seen = self.clock.now();
                    let (fresh, entry) = self.ask_generations(line, space, asked, &name).await.map_err(Some)?;
                    stored = entry;
                    fresh
                }
            };
            let mut head = [0; HEAD];
            let length = stored.as_ref().map_or(0, |s| s.len().min(HEAD));
            head[..length].copy_from_slice(&stored.as_deref().unwrap_or_default()[..length]);
            if let Some(stored) = stored.take() {
                let unix = self.clock.unix();
                match seal::open(&space.sealing, &entry, &generations.mixed, unix, stored, self.removed) {
                    Found::Entry { value, ends } => {
                        // another process set the end, which may have another clock
                        let life = ends.saturating_sub(unix).min(millis(TTL_MAX));
                        return Ok(Looked::Found { value, life, removals });
                    }
                    // written under a generation that is newer than what is known here
                    Found::Stale if !asked_now => continue,
                    Found::Stale => {}
                    Found::Damaged => count(&self.counters.damaged),
                }
            }
            let head = head[..length].to_vec();
            return Ok(Looked::Missing(Ticket { entry, generations, head, lock: None, seen }));
        }
    }

    /// The generations as they are now, and the entry as it was in the same moment.
    async fn ask_generations(
        &self,
        line: &Line,
        space: &Space,
        asked: &Asked<'_>,
        name: &str,
    ) -> Result<(Arc<Generations>, Option<Vec<u8>>), RedisError> {
        let (removals, epoch) = (space.removals(), line.epoch.load(Ordering::Acquire));
        let tenant_name = self.name('g', &space.generation);
        let kind = asked.key.kind;
        let kind_name = self.name('g', &self.keys.generation_of_kind(space.admitted.key(), kind));
        let mut connection = line.connection.clone();
        type Three = (Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>);
        let names = [&*tenant_name, &*kind_name, name];
        let (tenants, kinds, stored): Three = redis::cmd("MGET").arg(&names).query_async(&mut connection).await?;
        let of_tenant = match tenants {
            Some(known) => known,
            None => raw_generation(&mut connection, &tenant_name).await?,
        };
        let of_kind = match kinds {
            Some(known) => known,
            None => raw_generation(&mut connection, &kind_name).await?,
        };
        let mixed = mix([line.run_id.as_bytes(), &line.all.load(), &of_tenant, &of_kind]);
        let known = Arc::new(Generations { epoch, of_tenant, of_kind, kind_name, mixed });
        space.keep_generations_since(removals, kind, &known);
        Ok((known, stored))
    }

    /// After a look that found nothing: becomes the one process that loads, or waits for it.
    pub(crate) async fn look_or_lock(
        self: &Arc<Self>,
        space: &Space,
        asked: &Asked<'_>,
        wait: Duration,
        first: Looked,
    ) -> Looked {
        let mut looked = first;
        let mut ours = [0; 16];
        fill(&mut ours);
        let until = tokio::time::Instant::now() + wait;
        let mut pause = LOCK_PAUSE.0;
        loop {
            let Looked::Missing(ticket) = &mut looked else { return looked };
            let Some(line) = self.line_for(space.admitted.key()) else { return looked };
            let lock = self.name('l', &ticket.entry);
            let mut connection = line.connection.clone();
            let mut take = redis::cmd("SET");
            take.arg(&lock).arg(&ours[..]).arg("NX").arg("PX").arg(LOCK_MS);
            match self.done(take.query_async::<Option<String>>(&mut connection).await) {
                Some(Some(_)) => {
                    ticket.lock = Some(ours);
                    return looked;
                }
                Some(None) if tokio::time::Instant::now() < until => {}
                // whoever has it takes too long, or nothing is known
                _ => return looked,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOCK_PAUSE.1);
            looked = self.look(space, asked, self.clock.now()).await;
        }
    }

    /// Gives a lock back.
    pub(crate) async fn unlock(&self, ticket: Ticket) {
        let (Some(ours), Some(line)) = (ticket.lock, self.line.load_full()) else { return };
        let mut connection = line.connection.clone();
        let lock = self.name('l', &ticket.entry);
        let given: Result<i64, _> = UNLOCK_SCRIPT.key(lock).arg(&ours[..]).invoke_async(&mut connection).await;
        self.done(given);
    }

    /// Stores what was loaded, unless something happened to it since the look.
    pub(crate) async fn store(&self, space: &Space, kind: &str, ticket: &Ticket, value: Option<&[u8]>, life: u64) {
        // a removal that came meanwhile may be forgotten already
        if self.clock.now().saturating_sub(ticket.seen) >= REMOVAL_MS {
            return;
        }
        let Some(line) = self.line_for(space.admitted.key()) else { return };
        let ends = self.clock.unix() + life;
        let sealed = seal::seal(&space.sealing, &ticket.entry, &ticket.generations.mixed, ends, value, self.removed);
        let mut connection = line.connection.clone();
        let entry = self.name('e', &ticket.entry);
        if self.removed.has(Protection::Overtaken) {
            let mut set = redis::cmd("SET");
            set.arg(entry).arg(sealed).arg("PX").arg(life);
            self.done(set.query_async::<()>(&mut connection).await);
            return;
        }
        let mut script = STORE_SCRIPT.key(self.name('g', &space.generation));
        script.key(&ticket.generations.kind_name).key(entry);
        script
            .arg(&ticket.generations.of_tenant)
            .arg(&ticket.generations.of_kind)
            .arg(&ticket.head)
            .arg(sealed)
            .arg(life);
        if self.done(script.invoke_async::<i64>(&mut connection).await) != Some(1) {
            space.forget_generations(kind);
        }
    }

    /// Writes an entry whatever was there, and tells the others to forget theirs.
    pub(crate) async fn put(&self, space: &Space, asked: &Asked<'_>, value: Option<&[u8]>, life: u64) -> Reach {
        let tenant = space.admitted.key();
        let written = match self.line_for(tenant) {
            Some(line) => {
                let wrote = async {
                    let entry = self.keys.entry(tenant, asked);
                    // whatever was there is overwritten: the generations are asked for, for nobody would notice old ones
                    let (known, _) = self.ask_generations(&line, space, asked, &self.name('e', &entry)).await?;
                    let ends = self.clock.unix() + life;
                    let sealed = seal::seal(&space.sealing, &entry, &known.mixed, ends, value, self.removed);
                    self.write(&line, &entry, sealed, life, &Message::entry(tenant, asked)).await
                };
                self.done(wrote.await)
            }
            None => None,
        };
        self.reached(written, Some(tenant))
    }

    /// Does in Redis what a message says, or more, and tells the others. Says what was done, for it to be done here.
    pub(crate) async fn forget(&self, message: &Message) -> (Reach, Option<Message>) {
        let mut reach = self.tell(message).await;
        let mut more = None;
        if let (Reach::HereOnly, Some(tenant), true) = (reach, message.tenant(), self.is_connected()) {
            // a full server takes no removal, and lets a generation go
            let all = Message::Tenant { tenant: tenant.clone() };
            reach = self.tell(&all).await;
            more = Some(all);
        }
        (self.reached((reach == Reach::Everywhere).then_some(()), message.tenant()), more)
    }

    /// The same, without remembering that it failed.
    pub(super) async fn tell(&self, message: &Message) -> Reach {
        let Some(line) = self.line.load_full() else {
            count(&self.counters.skipped);
            return Reach::HereOnly;
        };
        let told = match message {
            Message::Entry { tenant, unit, kind, id } => {
                let asked = Asked { unit: unit.as_ref(), key: Key { kind, id } };
                self.remove(&line, tenant, &asked, message).await
            }
            Message::Kind { tenant, kind } => {
                self.begin_anew(&line, &self.keys.generation_of_kind(tenant, kind), message).await
            }
            Message::Tenant { tenant } if self.removed.has(Protection::Generation) => {
                self.clear_by_pattern(&line, tenant).await
            }
            Message::Tenant { tenant } => self.begin_anew(&line, &self.keys.generation(tenant), message).await,
            Message::All => {
                let told = self.begin_anew(&line, &self.keys.generation_of_all(), message).await;
                if told.is_ok() {
                    self.renew().await;
                }
                told
            }
        };
        if self.done(told).is_some() { Reach::Everywhere } else { Reach::HereOnly }
    }

    pub(crate) fn is_owed(&self, tenant: &TenantKey) -> bool {
        self.owed.is_owed(tenant)
    }

    async fn remove(
        &self,
        line: &Line,
        tenant: &TenantKey,
        asked: &Asked<'_>,
        message: &Message,
    ) -> Result<(), RedisError> {
        let entry = self.keys.entry(tenant, asked);
        if self.removed.has(Protection::Arguments) {
            let text = format!("redis.call('DEL', '{}')", self.name('e', &entry));
            let mut connection = line.connection.clone();
            return redis::cmd("EVAL").arg(text).arg(0).query_async::<Option<i64>>(&mut connection).await.map(drop);
        }
        let removal = seal::removal(self.clock.unix() + REMOVAL_MS);
        self.write(line, &entry, removal, REMOVAL_MS, message).await
    }

    async fn write(
        &self,
        line: &Line,
        entry: &Name,
        what: Vec<u8>,
        life: u64,
        message: &Message,
    ) -> Result<(), RedisError> {
        let mut connection = line.connection.clone();
        let mut script = WRITE_SCRIPT.key(self.name('e', entry));
        script.arg(what).arg(life).arg(self.channel()).arg(self.sealed(message));
        script.invoke_async::<i64>(&mut connection).await.map(drop)
    }

    /// A generation that is gone never comes back: the next one is made at random.
    async fn begin_anew(&self, line: &Line, generation: &Name, message: &Message) -> Result<(), RedisError> {
        let mut connection = line.connection.clone();
        let mut script = FORGET_SCRIPT.key(self.name('g', generation));
        script.arg(self.channel()).arg(self.sealed(message));
        script.invoke_async::<i64>(&mut connection).await.map(drop)
    }

    /// What is done where there are no generations; only tests do it.
    async fn clear_by_pattern(&self, line: &Line, tenant: &TenantKey) -> Result<(), RedisError> {
        let mut connection = line.connection.clone();
        let pattern = format!("{}e:{}", self.settings.prefix, self.keys.pattern(tenant));
        let names: Vec<String> = redis::cmd("KEYS").arg(pattern).query_async(&mut connection).await?;
        for name in names {
            redis::cmd("DEL").arg(name).query_async::<i64>(&mut connection).await?;
        }
        Ok(())
    }

    fn sealed(&self, message: &Message) -> Vec<u8> {
        let plain = message.encode(&self.me);
        if self.removed.has(Protection::SealedMessages) {
            return plain;
        }
        seal::seal_message(self.keys.of_messages(), &plain)
    }

    fn line_for(&self, tenant: &TenantKey) -> Option<Arc<Line>> {
        let line = self.line.load_full().filter(|_| !self.owed.is_owed(tenant));
        if line.is_none() {
            count(&self.counters.skipped);
        }
        line
    }

    fn reached(&self, done: Option<()>, tenant: Option<&TenantKey>) -> Reach {
        if done.is_some() {
            return Reach::Everywhere;
        }
        self.owed.owe(tenant);
        Reach::HereOnly
    }

    /// Takes an answer, or counts why there is none.
    pub(super) fn done<T>(&self, answer: Result<T, RedisError>) -> Option<T> {
        match answer {
            Ok(answer) => {
                if self.failures.load(Ordering::Relaxed) != 0 {
                    self.failures.store(0, Ordering::Relaxed);
                }
                Some(answer)
            }
            Err(error) => {
                self.count_error(&error);
                let of_line = error.is_io_error() || error.is_timeout() || error.is_connection_dropped();
                if of_line && self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES_MAX {
                    self.broken.notify_one();
                }
                None
            }
        }
    }
}
