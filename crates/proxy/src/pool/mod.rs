//! Server connections of one database, shared fairly between tenants.
//!
//! Each worker thread has a pool of its own, so nothing here is locked: what decides are plain functions
//! on [`Inner`]; who has to wait is told when a connection comes free. A connection is lent as a
//! [`Lease`]; dropping one that was not given back in a certain state closes the connection.

mod bound;
mod connect;
mod idle;
mod lease;
mod waiting;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use tenantry_edge::breaker::{Breaker, Phase};
use tenantry_edge::fair::FairQueue;
use tenantry_edge::usage::Counters;

use crate::context::Signer;
use crate::link::{Held, Link, Shown};
use crate::observe::{PoolSeen, ServerSeen};
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::settings::Database;

pub(crate) use connect::{ConnectError, open};
pub(crate) use lease::Lease;
pub(crate) use waiting::Waiting;

use idle::Idle;
use waiting::Waiter;

/// The number under which work without a tenant is counted.
pub(crate) const NOBODY: u32 = u32::MAX;

/// A login of the database that serves one connection at a time.
#[derive(Clone)]
pub(crate) struct Slot {
    pub(crate) user: Rc<str>,
    pub(crate) password: Rc<SecretString>,
}

/// Who asks for a connection.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    /// Whose context is wanted.
    pub(crate) held: Held,
    /// The tenant's number, or [`NOBODY`].
    pub(crate) tenant: u32,
    pub(crate) weight: u32,
    /// How many connections the tenant may have at once by its plan.
    pub(crate) limit: Option<u32>,
    /// How many may wait.
    pub(crate) queue_limit: u32,
}

/// Settings that a server told, by name.
pub(crate) type Told = Rc<Vec<(Box<str>, Box<str>)>>;

/// The pool of one database and one worker.
pub(crate) struct Pool {
    pub(crate) database: Arc<Database>,
    pub(crate) signer: Option<Signer>,
    /// Settings the server told the first connection: what a client is told when it logs in.
    pub(crate) welcome: RefCell<Option<Told>>,
    base: Rc<Parameters>,
    inner: RefCell<Inner>,
    paused: Cell<bool>,
    /// What was used through it; the tenants' accounts are kept elsewhere.
    used: RefCell<Counters>,
}

struct Inner {
    idle: Idle,
    /// Logins without a connection.
    free: Vec<Slot>,
    connecting: usize,
    size: u32,
    /// Connections that were made and may still be there.
    servers: Vec<Weak<Shown>>,
    made: u64,
    failed: u64,
    /// Of how many connections shares are taken: a database without tenants is not shared out.
    shared_size: u32,
    /// Who waits, and, as its services, who has a connection.
    queue: FairQueue<Rc<Waiter>>,
    /// Tenants whose plan limits them, and that have connections.
    limited: HashMap<u32, Limited>,
    breaker: Breaker,
    last_failure: Option<Rc<ConnectError>>,
}

/// What a tenant has of what its plan allows.
struct Limited {
    limit: u32,
    lent: u32,
}

/// What comes of asking.
pub(crate) enum Answer {
    /// Here it is.
    Now(Lease),
    /// It will come.
    Later(Waiting),
}

impl Pool {
    pub(crate) fn new(database: Arc<Database>, slots: Vec<Slot>, base: Rc<Parameters>) -> Rc<Self> {
        let size = u32::try_from(slots.len()).unwrap_or(u32::MAX);
        let isolated = database.context_key.is_some();
        let signer = database.context_key.as_ref().map(|make| Signer::new(make()));
        Rc::new(Self {
            database,
            signer,
            welcome: RefCell::new(None),
            base,
            paused: Cell::new(false),
            used: RefCell::default(),
            inner: RefCell::new(Inner {
                idle: Idle::default(),
                free: slots.into_iter().rev().collect(),
                connecting: 0,
                size,
                servers: Vec::new(),
                made: 0,
                failed: 0,
                shared_size: if isolated { size } else { u32::MAX },
                queue: FairQueue::new(),
                limited: HashMap::new(),
                breaker: Breaker::new(tenantry_edge::breaker::Settings::default()),
                last_failure: None,
            }),
        })
    }

    /// Most connections there can be.
    pub(crate) fn size(&self) -> u32 {
        self.inner.borrow().size
    }

    /// Asks for a connection.
    pub(crate) fn ask(self: &Rc<Self>, asker: Asker) -> Result<Answer, Refusal> {
        let now = Instant::now();
        let mut inner = self.inner.borrow_mut();
        inner.bury_doomed();
        if !self.paused.get() && inner.idle.len() > 0 && inner.may_begin(&asker) {
            if let Some(link) = inner.idle.take_alive(&asker.held) {
                drop(inner);
                return Ok(Answer::Now(Lease::new(Rc::clone(self), link, asker, now)));
            }
            inner.queue.unserved(asker.tenant);
            inner.uncount(&asker);
        }
        if inner.is_dead() && inner.breaker.phase(now) == Phase::Open {
            // nothing will come free before the server answers again: say so instead of letting them wait
            return Err(Refusal::server_unavailable());
        }
        let waiter = Waiter::new(asker.clone());
        let ticket = inner
            .queue
            .push(asker.tenant, asker.weight, Rc::clone(&waiter), Some(asker.queue_limit))
            .map_err(|full| Refusal::queue_full(full.limit))?;
        drop(inner);
        let waiting = Waiting::new(Rc::clone(self), waiter, ticket, now);
        self.serve();
        Ok(Answer::Later(waiting))
    }

    /// Gives connections to whoever waits, as long as there are any, and makes new ones if that helps.
    fn serve(self: &Rc<Self>) {
        if self.paused.get() {
            return;
        }
        let mut inner = self.inner.borrow_mut();
        let now = Instant::now();
        // who is taken out of the queue must get a connection: look first whether there is one
        let gone = inner.idle.remove_gone();
        inner.free.extend(gone);
        while !inner.queue.is_empty() && inner.idle.len() > 0 {
            let Some(waiter) = inner.next_waiter() else { break };
            let Some(link) = inner.idle.take(&waiter.asker.held) else { break };
            waiter.give(Lease::new(Rc::clone(self), link, waiter.asker.clone(), now));
        }
        while inner.wants_connection() && inner.breaker.may_try(now).is_ok() {
            let Some(slot) = inner.free.pop() else { break };
            inner.connecting += 1;
            connect::spawn(Rc::clone(self), slot);
        }
    }

    /// A new connection is there, or could not be made.
    fn connected(self: &Rc<Self>, slot: Slot, result: Result<Box<Link>, ConnectError>) {
        let now = Instant::now();
        let mut inner = self.inner.borrow_mut();
        inner.connecting -= 1;
        match result {
            Ok(link) => {
                inner.breaker.on_success(now);
                inner.last_failure = None;
                inner.made += 1;
                inner.servers.retain(|server| server.strong_count() > 0);
                inner.servers.push(Rc::downgrade(&link.shown));
                tracing::debug!(database = %self.database.name, "server connection {} made as {}", link.process, link.slot.user);
                inner.idle.put(link);
            }
            Err(error) => {
                let causes = std::iter::successors(std::error::Error::source(&error), |e| e.source());
                let causes: String = causes.map(|e| format!(": {e}")).collect();
                tracing::error!(database = %self.database.name, "{error}{causes}; {}", error.remedy());
                inner.failed += 1;
                inner.free.push(slot);
                inner.breaker.on_failure(now);
                inner.last_failure = Some(Rc::new(error));
                // one failure may pass: a server process that is just ending still counts for its login
                if inner.is_dead() && inner.breaker.phase(now) == Phase::Open {
                    for (_, waiter) in inner.queue.drain_all() {
                        waiter.fail(Refusal::server_unavailable());
                    }
                }
            }
        }
        drop(inner);
        self.serve();
    }

    /// Takes a lent connection back, or its login if the connection is no good.
    fn back(self: &Rc<Self>, asker: &Asker, took: Duration, link: Result<Box<Link>, Slot>) {
        let mut inner = self.inner.borrow_mut();
        inner.uncount(asker);
        inner.queue.charge(asker.tenant, asker.weight, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        match link {
            Ok(link) => inner.idle.put(link),
            Err(slot) => inner.free.push(slot),
        }
        let somebody_waits = !inner.queue.is_empty();
        drop(inner);
        if somebody_waits {
            self.serve();
        }
    }

    /// Whether there is no connection, and the last try for one failed.
    pub(crate) fn has_failed(&self) -> bool {
        let inner = self.inner.borrow();
        inner.is_dead() && inner.last_failure.is_some()
    }

    /// Makes sure that the server can be reached and has said its settings.
    pub(crate) fn warm(self: &Rc<Self>) {
        let mut inner = self.inner.borrow_mut();
        if inner.is_dead()
            && !inner.free.is_empty()
            && inner.breaker.may_try(Instant::now()).is_ok()
            && let Some(slot) = inner.free.pop()
        {
            inner.connecting += 1;
            connect::spawn(Rc::clone(self), slot);
        }
    }

    /// Closes connections that are too old or have been idle for long. Called now and then.
    pub(crate) fn tidy(self: &Rc<Self>, now: Instant) {
        let mut inner = self.inner.borrow_mut();
        let (life, idle) = (self.database.lifetime, self.database.idle_time);
        let closed = inner.idle.remove_if(|link| {
            let why = match link.doomed {
                Some(why) => why,
                None if now.duration_since(link.made_at) > life => "it was old",
                None if now.duration_since(link.used_at) > idle => "it was idle for long",
                None => return false,
            };
            self.log_closed(link, why);
            true
        });
        inner.free.extend(closed);
        drop(inner);
        self.serve();
    }

    /// Says that a server connection is closed, and why.
    fn log_closed(&self, link: &Link, why: &str) {
        tracing::debug!(database = %self.database.name, "server connection {} of {} closed: {why}", link.process, link.slot.user);
    }

    /// Adds what a transaction used.
    pub(crate) fn count(&self, used: &Counters) {
        self.used.borrow_mut().absorb(used);
    }

    /// What the console and metrics show of it; clients are counted elsewhere.
    pub(crate) fn show(&self) -> PoolSeen {
        let inner = self.inner.borrow();
        PoolSeen {
            directory: self.database.directory.clone(),
            isolated: self.signer.is_some(),
            host: self.database.server.host.clone(),
            port: self.database.server.port,
            server_name: self.database.server_name.clone(),
            size: inner.size as usize,
            idle: inner.idle.len(),
            lent: inner.queue.in_service(),
            connecting: inner.connecting,
            made: inner.made,
            failed: inner.failed,
            clients: 0,
            waiting: 0,
            longest_wait: Duration::ZERO,
            paused: self.paused.get(),
            used: *self.used.borrow(),
            mode: self.database.mode,
        }
    }

    /// Its server connections, for the console.
    pub(crate) fn show_servers(&self) -> Vec<ServerSeen> {
        let inner = self.inner.borrow();
        let alive = inner.servers.iter().filter_map(Weak::upgrade);
        alive
            .map(|server| ServerSeen {
                database: Arc::clone(&self.database.name),
                user: server.user.to_string(),
                host: self.database.server.host.clone(),
                port: self.database.server.port,
                idle: inner.idle.has(server.process),
                process: server.process,
                made_at: server.made_at,
            })
            .collect()
    }

    /// Holds everybody back, or lets them go on.
    pub(crate) fn pause(self: &Rc<Self>, paused: bool) {
        self.paused.set(paused);
        self.serve();
    }
}

impl Inner {
    /// Takes away idle connections that must not be used again.
    fn bury_doomed(&mut self) {
        let slots = self.idle.remove_doomed();
        self.free.extend(slots);
    }

    /// Whether this one need not wait; it then counts as served.
    fn may_begin(&mut self, asker: &Asker) -> bool {
        let has_room = self.limited.get(&asker.tenant).is_none_or(|tenant| tenant.lent < tenant.limit);
        let begins = has_room && self.queue.try_begin(asker.tenant, asker.weight, self.shared_size);
        if begins {
            self.count(asker);
        }
        begins
    }

    /// Counts a connection of a tenant whose plan limits them.
    fn count(&mut self, asker: &Asker) {
        if let Some(limit) = asker.limit {
            let tenant = self.limited.entry(asker.tenant).or_insert(Limited { limit, lent: 0 });
            (tenant.limit, tenant.lent) = (limit, tenant.lent + 1);
        }
    }

    /// Takes one back.
    fn uncount(&mut self, asker: &Asker) {
        if let Some(tenant) = self.limited.get_mut(&asker.tenant) {
            tenant.lent = tenant.lent.saturating_sub(1);
            if tenant.lent == 0 {
                self.limited.remove(&asker.tenant);
            }
        }
    }

    fn next_waiter(&mut self) -> Option<Rc<Waiter>> {
        let limited = &self.limited;
        let (_, waiter) = self.queue.pop_sharing(self.shared_size, |tenant| {
            limited.get(&tenant).is_none_or(|tenant| tenant.lent < tenant.limit)
        })?;
        self.count(&waiter.asker);
        Some(waiter)
    }

    fn wants_connection(&self) -> bool {
        self.queue.len() > self.connecting && self.idle.len() == 0 && !self.free.is_empty()
    }

    /// No connection is there, none is being made.
    fn is_dead(&self) -> bool {
        self.queue.in_service() == 0 && self.connecting == 0 && self.idle.len() == 0
    }
}
