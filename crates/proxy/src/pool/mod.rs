//! Server connections of one database, shared fairly between tenants.
//!
//! Each worker thread has a pool of its own, so nothing here is locked: [`Pool::decide`] and its like are plain
//! functions on [`Inner`]; who has to wait is told when a connection comes free. A connection is lent as a
//! [`Lease`]; dropping one that was not given back in a certain state closes the connection.

mod connect;
mod idle;
mod lease;
mod waiting;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use tenantry_edge::breaker::Breaker;
use tenantry_edge::fair::FairQueue;
use tenantry_edge::limit::{Demand, fair_share};

use crate::context::Signer;
use crate::link::{Held, Link};
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
    /// It waited in the queue, so what it uses is settled there.
    pub(crate) queued: bool,
}

/// The pool of one database and one worker.
pub(crate) struct Pool {
    pub(crate) database: Arc<Database>,
    pub(crate) signer: Option<Signer>,
    /// Settings the server told the first connection: what a client is told when it logs in.
    pub(crate) welcome: RefCell<Option<Rc<Vec<(Box<str>, Box<str>)>>>>,
    base: Rc<Parameters>,
    inner: RefCell<Inner>,
    paused: Cell<bool>,
}

struct Inner {
    idle: Idle,
    /// Logins without a connection.
    free: Vec<Slot>,
    connecting: usize,
    /// Connections lent, by tenant.
    lent: HashMap<u32, Lent>,
    lent_in_all: u32,
    size: u32,
    isolated: bool,
    queue: FairQueue<Rc<Waiter>>,
    breaker: Breaker,
    last_failure: Option<Rc<ConnectError>>,
}

/// What a tenant has.
struct Lent {
    count: u32,
    weight: u32,
    limit: Option<u32>,
}

/// How connections are shared at one moment.
struct Shares {
    size: u32,
    isolated: bool,
    others_waiting: u32,
    weight_active: u64,
}

impl Shares {
    /// How many connections one tenant may have at once.
    fn of(&self, tenant: u32, weight: u32) -> u32 {
        if tenant == NOBODY && !self.isolated {
            return self.size;
        }
        fair_share(&Demand {
            pool_size: self.size,
            weight,
            weight_active: self.weight_active,
            others_waiting: self.others_waiting,
        })
    }
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
            inner: RefCell::new(Inner {
                idle: Idle::default(),
                free: slots.into_iter().rev().collect(),
                connecting: 0,
                lent: HashMap::new(),
                lent_in_all: 0,
                size,
                isolated,
                queue: FairQueue::new(),
                breaker: Breaker::new(tenantry_edge::breaker::Settings::default()),
                last_failure: None,
            }),
        })
    }

    /// Asks for a connection.
    pub(crate) fn ask(self: &Rc<Self>, asker: Asker) -> Result<Answer, Refusal> {
        let now = Instant::now();
        let mut inner = self.inner.borrow_mut();
        if !self.paused.get() && inner.may_have(&asker) && inner.queue.len() == 0 {
            while let Some(link) = inner.idle.take(&asker.held) {
                if link.doomed.is_some() {
                    inner.free.push(link.slot.clone());
                    continue;
                }
                inner.lend(&asker);
                drop(inner);
                return Ok(Answer::Now(Lease::new(Rc::clone(self), link, asker, now)));
            }
        }
        let waiter = Waiter::new(asker.clone());
        let ticket = inner
            .queue
            .push(asker.tenant, asker.weight, Rc::clone(&waiter), Some(asker.queue_limit))
            .map_err(|full| Refusal::queue_full(full.limit))?;
        let may_connect = inner.may_connect(now);
        if may_connect.is_err() && inner.is_dead() {
            // nobody will come back: say what is wrong instead of letting them wait
            inner.queue.cancel(ticket);
            return Err(Refusal::server_unavailable(inner.last_failure.as_deref()));
        }
        drop(inner);
        self.serve();
        Ok(Answer::Later(Waiting::new(Rc::clone(self), waiter, ticket, now)))
    }

    /// Gives connections to whoever waits, as long as there are any, and makes new ones if that helps.
    fn serve(self: &Rc<Self>) {
        if self.paused.get() {
            return;
        }
        let mut inner = self.inner.borrow_mut();
        let now = Instant::now();
        while inner.queue.len() > 0 && inner.idle.len() > 0 {
            let Some(waiter) = inner.next_waiter() else { break };
            let Some(link) = inner.idle.take(&waiter.asker.held) else { break };
            if link.doomed.is_some() {
                inner.free.push(link.slot.clone());
                let asker = &waiter.asker;
                inner.queue.unserved(asker.tenant);
                // the queue has just given it away, so there is room
                if let Ok(ticket) = inner.queue.push(asker.tenant, asker.weight, Rc::clone(&waiter), None) {
                    waiter.ticket.set(Some(ticket));
                }
                continue;
            }
            inner.lend(&waiter.asker);
            let asker = Asker { queued: true, ..waiter.asker.clone() };
            waiter.give(Lease::new(Rc::clone(self), link, asker, now));
        }
        while inner.wants_connection() && inner.may_connect(now).is_ok() {
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
                inner.idle.put(link);
            }
            Err(error) => {
                tracing::error!(database = %self.database.name, "{error}: {}", error.remedy());
                inner.free.push(slot);
                inner.breaker.on_failure(now);
                inner.last_failure = Some(Rc::new(error));
                if inner.is_dead() {
                    let refusal = Refusal::server_unavailable(inner.last_failure.as_deref());
                    while let Some((_, waiter)) = inner.queue.pop(|_| true) {
                        waiter.fail(refusal.clone());
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
        inner.returned(asker.tenant);
        if asker.queued {
            inner.queue.charge(asker.tenant, asker.weight, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
        match link {
            Ok(link) => inner.idle.put(link),
            Err(slot) => inner.free.push(slot),
        }
        let somebody_waits = inner.queue.len() > 0;
        drop(inner);
        if somebody_waits {
            self.serve();
        }
    }

    /// Makes sure that the server can be reached and has said its settings.
    pub(crate) fn warm(self: &Rc<Self>) {
        let mut inner = self.inner.borrow_mut();
        if inner.idle.len() == 0 && inner.connecting == 0 && inner.lent_in_all == 0 && inner.may_connect(Instant::now()).is_ok() {
            if let Some(slot) = inner.free.pop() {
                inner.connecting += 1;
                connect::spawn(Rc::clone(self), slot);
            }
        }
    }

    /// Closes connections that are too old or have been idle for long. Called now and then.
    pub(crate) fn tidy(self: &Rc<Self>, now: Instant) {
        let mut inner = self.inner.borrow_mut();
        let (life, idle) = (self.database.lifetime, self.database.idle_time);
        let closed = inner.idle.remove_if(|link| {
            now.duration_since(link.made_at) > life || now.duration_since(link.used_at) > idle || link.doomed.is_some()
        });
        inner.free.extend(closed);
        drop(inner);
        self.serve();
    }

    /// Counts for the console: idle, lent, connecting, waiting.
    pub(crate) fn counts(&self) -> (usize, u32, usize, usize) {
        let inner = self.inner.borrow();
        (inner.idle.len(), inner.lent_in_all, inner.connecting, inner.queue.len())
    }

    /// Holds everybody back, or lets them go on.
    pub(crate) fn pause(self: &Rc<Self>, paused: bool) {
        self.paused.set(paused);
        self.serve();
    }
}

impl Inner {
    fn lend(&mut self, asker: &Asker) {
        let lent = self.lent.entry(asker.tenant).or_insert(Lent { count: 0, weight: 1, limit: None });
        (lent.count, lent.weight, lent.limit) = (lent.count + 1, asker.weight, asker.limit);
        self.lent_in_all += 1;
    }

    fn returned(&mut self, tenant: u32) {
        self.lent_in_all = self.lent_in_all.saturating_sub(1);
        if let Some(lent) = self.lent.get_mut(&tenant) {
            lent.count -= 1;
            if lent.count == 0 {
                self.lent.remove(&tenant);
            }
        }
    }

    /// Whether this tenant may have one more connection now.
    fn may_have(&self, asker: &Asker) -> bool {
        let lent = self.lent.get(&asker.tenant).map_or(0, |lent| lent.count);
        asker.limit.is_none_or(|limit| lent < limit) && lent < self.share(asker.tenant)
    }

    /// How many connections one tenant may have at once.
    fn share(&self, tenant: u32) -> u32 {
        self.shares().of(tenant, self.weight_of(tenant))
    }

    fn weight_of(&self, tenant: u32) -> u32 {
        self.lent.get(&tenant).map_or(1, |lent| lent.weight)
    }

    /// What is needed to know anybody's share at this moment.
    fn shares(&self) -> Shares {
        let waiting = u32::try_from(self.queue.waiting_tenants()).unwrap_or(u32::MAX);
        let at_work: u64 = if waiting == 0 { 0 } else { self.lent.values().map(|l| u64::from(l.weight)).sum() };
        Shares {
            size: self.size,
            isolated: self.isolated,
            others_waiting: waiting.saturating_sub(1),
            // whoever waits without holding anything counts as one
            weight_active: at_work + u64::from(waiting),
        }
    }

    fn next_waiter(&mut self) -> Option<Rc<Waiter>> {
        let (shares, lent) = (self.shares(), &self.lent);
        let (_, waiter) = self.queue.pop(|tenant| match lent.get(&tenant) {
            Some(lent) => lent.limit.is_none_or(|limit| lent.count < limit) && lent.count < shares.of(tenant, lent.weight),
            None => true,
        })?;
        Some(waiter)
    }

    fn wants_connection(&self) -> bool {
        self.queue.len() > self.connecting && self.idle.len() == 0
    }

    fn may_connect(&mut self, now: Instant) -> Result<(), ()> {
        self.breaker.may_try(now).map_err(|_| ())
    }

    /// No connection is there, none is being made.
    fn is_dead(&self) -> bool {
        self.lent_in_all == 0 && self.connecting == 0 && self.idle.len() == 0
    }
}
