//! A thread of the proxy: its clients, its part of every pool, and the tick that looks after time.
//!
//! Workers share nothing but the directory and the counters of tenants, so nothing on the way of a statement is
//! locked and no statement changes threads. What concerns a client of another worker goes there as an [`Order`].

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;
use tenantry_edge::directory::TenantState;
use tenantry_model::TenantKey;
use tokio::sync::{Notify, mpsc};

use crate::cancel;
use crate::client::{Client, Doing, End};
use crate::observe::{self, Question, Seen};
use crate::parameters::{Interner, Parameters};
use crate::pool::{Pool, Slot};
use crate::settings::Settings;
use crate::statements::Statements;

/// Bytes read at once from a server. An answer's undecided beginning is kept in front of it.
const SCRATCH_BYTES: usize = 160 * 1024;
/// How often limits of time, suspensions and idle connections are looked after.
const TICK: Duration = Duration::from_millis(100);
/// Ticks between two looks at idle server connections.
const TIDY_EVERY: u32 = 10;

/// What another thread asks of a worker.
pub(crate) enum Order {
    /// Cancel a client's statement.
    Cancel {
        /// Its place.
        place: usize,
        /// What it was given.
        secret: Vec<u8>,
    },
    /// End the clients of a tenant, or all.
    Kill(Option<TenantKey>),
    /// Hold back or let go on.
    Pause(bool),
    /// Show what it has.
    Show(Question, mpsc::UnboundedSender<Seen>),
    /// Take new settings.
    Reload(Arc<Settings>),
    /// Finish what is running, then end.
    Stop,
}

/// One thread.
pub(crate) struct Worker {
    pub(crate) index: usize,
    settings: RefCell<Arc<Settings>>,
    pub(crate) statements: Statements,
    pub(crate) parameters: Interner,
    pub(crate) scratch: RefCell<Vec<u8>>,
    pub(crate) clients: RefCell<Slab<Rc<Client>>>,
    pools: RefCell<HashMap<Arc<str>, Rc<Pool>>>,
    base: Rc<Parameters>,
    /// Of every worker, this one included.
    pub(crate) others: Vec<mpsc::UnboundedSender<Order>>,
    /// Told when an operator wants the files to be read again.
    pub(crate) reload_asked: Arc<Notify>,
    stopping: Cell<bool>,
    began: Instant,
}

impl Worker {
    pub(crate) fn new(
        index: usize,
        settings: Arc<Settings>,
        others: Vec<mpsc::UnboundedSender<Order>>,
        reload_asked: Arc<Notify>,
    ) -> Rc<Self> {
        let parameters = Interner::default();
        let base = parameters.intern(Parameters::default());
        let worker = Rc::new(Self {
            index,
            settings: RefCell::new(Arc::clone(&settings)),
            base,
            statements: Statements::default(),
            parameters,
            scratch: RefCell::new(vec![0; SCRATCH_BYTES]),
            clients: RefCell::new(Slab::new()),
            pools: RefCell::default(),
            others,
            reload_asked,
            stopping: Cell::new(false),
            began: Instant::now(),
        });
        worker.take(settings);
        worker
    }

    /// The settings of this moment.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.borrow())
    }

    /// Takes new settings. A database that is reached as before keeps its pool; the clients of another keep theirs
    /// until they leave.
    fn take(&self, settings: Arc<Settings>) {
        let mut pools = self.pools.borrow_mut();
        let mut before = std::mem::take(&mut *pools);
        for database in &settings.databases {
            let same = before.remove(&database.name).filter(|pool| pool.database.is_same(database));
            let pool =
                same.unwrap_or_else(|| {
                    // every worker has each n-th login
                    let slots = database.slots.iter().skip(self.index).step_by(settings.workers.max(1)).map(|login| {
                        Slot { user: login.user.as_str().into(), password: Rc::new(login.password.clone()) }
                    });
                    Pool::new(Arc::clone(database), slots.collect(), Rc::clone(&self.base))
                });
            pools.insert(Arc::clone(&database.name), pool);
        }
        *self.settings.borrow_mut() = settings;
    }

    pub(crate) fn pool(&self, database: &str) -> Option<Rc<Pool>> {
        self.pools.borrow().get(database).cloned()
    }

    pub(crate) fn pools(&self) -> Vec<Rc<Pool>> {
        self.pools.borrow().values().cloned().collect()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    /// Microseconds since the worker began: the clock of usage.
    pub(crate) fn micros(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.began).as_micros()).unwrap_or(u64::MAX)
    }

    /// Does what another thread asks.
    pub(crate) fn obey(&self, order: Order) {
        match order {
            Order::Cancel { place, secret } => cancel::by_key(&self.clients.borrow(), place, &secret),
            Order::Kill(tenant) => {
                for (_, client) in self.clients.borrow().iter() {
                    let fits = match (&tenant, &*client.tenant.borrow()) {
                        (None, _) => true,
                        (Some(key), Some(admitted)) => admitted.key() == key,
                        (Some(_), None) => false,
                    };
                    if fits {
                        client.end(End::Killed);
                    }
                }
            }
            Order::Pause(paused) => self.pools().iter().for_each(|pool| pool.pause(paused)),
            Order::Show(question, answer) => {
                // whoever asked may have gone
                let _ = answer.send(observe::show(self, question));
            }
            Order::Reload(settings) => self.take(settings),
            Order::Stop => {
                self.stopping.set(true);
                self.end_idle();
            }
        }
    }

    /// Ends clients that have no transaction open.
    fn end_idle(&self) {
        for (_, client) in self.clients.borrow().iter() {
            if matches!(client.doing.get(), Doing::Idle) {
                client.end(End::Shutdown);
            }
        }
    }

    /// Ends all clients, whatever they do.
    pub(crate) fn end_all(&self) {
        self.clients.borrow().iter().for_each(|(_, client)| client.end(End::Shutdown));
    }

    /// Looks after time, for as long as the worker runs.
    pub(crate) async fn tick(self: Rc<Self>) {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut ticks = 0_u32;
        loop {
            interval.tick().await;
            let now = Instant::now();
            let read_within = self.settings().read_within;
            for (_, client) in self.clients.borrow().iter() {
                look_after(client, read_within, now);
            }
            if self.stopping.get() {
                self.end_idle();
            }
            ticks = ticks.wrapping_add(1);
            if ticks.is_multiple_of(TIDY_EVERY) {
                self.pools().iter().for_each(|pool| pool.tidy(now));
            }
        }
    }
}

/// What time and the operator's decisions mean for one client.
fn look_after(client: &Client, read_within: Duration, now: Instant) {
    if client.stuck_since.get().is_some_and(|since| now.duration_since(since) > read_within) {
        return client.end(End::SlowReader);
    }
    if client.waits_until.get().is_some_and(|until| now >= until) {
        return client.wake();
    }
    let tenant = client.tenant.borrow();
    let Some(tenant) = &*tenant else { return };
    match tenant.state() {
        TenantState::Active => {}
        TenantState::Suspended => return client.end(End::Suspended),
        TenantState::Deleted => return client.end(End::Deleted),
    }
    let doing = client.doing.get();
    if doing == Doing::Idle || doing == Doing::Waiting {
        return;
    }
    let limits = tenant.limits();
    let over = |since: Instant, limit: Option<Duration>| limit.is_some_and(|limit| now.duration_since(since) > limit);
    if client.transaction_since.get().is_some_and(|since| over(since, limits.transaction_time)) {
        return client.end(End::TransactionTime);
    }
    if doing == Doing::InTransaction && over(client.since.get(), limits.idle_in_transaction) {
        return client.end(End::IdleInTransaction);
    }
    if doing == Doing::Running && over(client.since.get(), limits.statement_time) && !client.over_time.get() {
        client.over_time.set(true);
        cancel::cancel(client);
    }
}
