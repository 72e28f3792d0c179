//! One thread: its clients, its connections to the applications, and what it remembers. Nothing here is locked.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::{ArcSwap, ArcSwapOption};
use slab::Slab;
use tenantry_edge::admission::Admitted;
use tenantry_edge::directory::TenantFacts;
use tenantry_model::token::{ContextKey, PassClaims};
use tenantry_trace::Exporter;
use tokio::sync::Semaphore;

use crate::answers::Answers;
use crate::authenticate::api_key::{self, Index};
use crate::authenticate::{Proven, webhook::Taken};
use crate::client::{Client, End};
use crate::digits::hex;
use crate::metrics::Counts;
use crate::protect::exact::{Decided, Exact};
use crate::protect::rate::{Budget, Limiters};
use crate::settings::{Rate, Settings};
use crate::stamp::context::quote;
use crate::stamp::header_value;
use crate::upstream::Upstream;

/// How often time is looked at.
const TICK: Duration = Duration::from_millis(100);
/// Every so many ticks what is not needed any more is forgotten.
const TIDY_EVERY: u32 = 50;
/// Tenants that one thread remembers.
const KNOWN_MAX: usize = 100_000;

/// What one thread tells another.
pub(crate) enum Order {
    /// Take new settings.
    Reload(Arc<Settings>),
    /// Let requests end, and come back.
    Stop,
}

/// What all threads share.
pub(crate) struct Shared {
    pub(crate) limiters: ArcSwap<Limiters>,
    pub(crate) taken: Mutex<Taken>,
    keys: ArcSwap<Index>,
    pub(crate) counts: Vec<Counts>,
    pub(crate) exporter: ArcSwapOption<Exporter>,
    pub(crate) decided: Decided,
    pub(crate) answers: OnceLock<Arc<Answers>>,
    pub(crate) ready: AtomicU64,
}

impl Shared {
    pub(crate) fn new(settings: &Settings) -> Arc<Self> {
        Arc::new(Self {
            limiters: ArcSwap::from_pointee(Limiters::new(&settings.rates)),
            taken: Mutex::default(),
            keys: ArcSwap::from_pointee(Index::of(&settings.directory)),
            counts: (0..settings.workers).map(|_| Counts::default()).collect(),
            exporter: ArcSwapOption::empty(),
            decided: Decided::default(),
            answers: OnceLock::new(),
            ready: AtomicU64::new(0),
        })
    }
}

/// Settings with what was made of them.
pub(crate) struct Loaded {
    pub(crate) settings: Arc<Settings>,
    pub(crate) upstreams: Vec<Rc<Upstream>>,
    /// Where budgets are counted for all gateways.
    pub(crate) exact: Option<Rc<Exact>>,
    pass_key: Option<ContextKey>,
}

impl std::ops::Deref for Loaded {
    type Target = Settings;
    fn deref(&self) -> &Settings {
        &self.settings
    }
}

/// A thread.
pub(crate) struct Worker {
    index: usize,
    loaded: RefCell<Rc<Loaded>>,
    pub(crate) shared: Arc<Shared>,
    clients: RefCell<Slab<Rc<Client>>>,
    pub(crate) proven: RefCell<Proven>,
    pub(crate) checks: Semaphore,
    known: RefCell<HashMap<u32, Rc<Known>>>,
    stopping: Cell<bool>,
    random: Cell<u64>,
    began: Instant,
}

/// What is written again and again about one tenant, as long as nothing new is published of it.
pub(crate) struct Known {
    facts: Arc<TenantFacts>,
    /// Header lines for the application.
    pub(crate) lines: Vec<u8>,
    /// Members of the signed context.
    pub(crate) members: String,
    budgets: [Option<Arc<Budget>>; 2],
    /// Where they are counted for all gateways.
    budget_names: [String; 2],
    pass: RefCell<(String, i64)>,
}

impl Worker {
    pub(crate) fn new(index: usize, settings: Arc<Settings>, shared: Arc<Shared>) -> Rc<Self> {
        let mut seed = [0; 8];
        // without randomness ids are merely guessable
        let _ = getrandom::fill(&mut seed);
        let loaded = Rc::new(Self::load(settings, None));
        Rc::new(Self {
            index,
            loaded: RefCell::new(loaded),
            shared,
            clients: RefCell::default(),
            proven: RefCell::default(),
            checks: api_key::places(),
            known: RefCell::default(),
            stopping: Cell::new(false),
            random: Cell::new(u64::from_ne_bytes(seed)),
            began: Instant::now(),
        })
    }

    /// An application that is reached as before keeps its connections.
    fn load(settings: Arc<Settings>, before: Option<&Loaded>) -> Loaded {
        let upstreams = settings.upstreams.iter().map(|upstream| {
            let same = before.and_then(|before| before.upstreams.iter().find(|b| b.is_same(upstream)));
            same.cloned().unwrap_or_else(|| Upstream::new(Arc::clone(upstream), settings.times))
        });
        let upstreams = upstreams.collect();
        let pass_key = settings.pass.as_ref().map(|pass| (pass.key)());
        let exact = settings.exact.as_ref().map(|wanted| {
            let same = before.and_then(|before| before.exact.as_ref()).filter(|exact| exact.is_of(wanted));
            same.cloned().unwrap_or_else(|| Exact::new(wanted.clone()))
        });
        Loaded { settings, upstreams, exact, pass_key }
    }

    /// The settings of this moment.
    pub(crate) fn settings(&self) -> Rc<Loaded> {
        Rc::clone(&self.loaded.borrow())
    }

    /// Counters of this thread.
    pub(crate) fn counts(&self) -> &Counts {
        &self.shared.counts[self.index]
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    /// Lets a client in, if there is room.
    pub(crate) fn enter(self: &Rc<Self>) -> Option<Entered> {
        let mut clients = self.clients.borrow_mut();
        if clients.len() >= self.loaded.borrow().bounds.connections_max {
            return None;
        }
        let client = Client::new();
        let at = clients.insert(Rc::clone(&client));
        self.counts().connections.store(clients.len() as u64, Ordering::Relaxed);
        Some(Entered { worker: Rc::clone(self), client, at })
    }

    /// How many clients there are.
    pub(crate) fn clients(&self) -> usize {
        self.clients.borrow().len()
    }

    /// Does what another thread asks.
    pub(crate) fn obey(&self, order: Order) {
        match order {
            Order::Reload(settings) => {
                let loaded = Self::load(settings, Some(&*self.settings()));
                *self.loaded.borrow_mut() = Rc::new(loaded);
                self.known.borrow_mut().clear();
                *self.proven.borrow_mut() = Proven::default();
            }
            Order::Stop => {
                self.stopping.set(true);
                self.end_idle();
            }
        }
    }

    /// Ends clients that wait for nothing but a request.
    fn end_idle(&self) {
        self.clients.borrow().iter().filter(|(_, c)| c.is_idle()).for_each(|(_, client)| client.end(End::Stop));
    }

    /// Ends all clients.
    pub(crate) fn end_all(&self) {
        self.clients.borrow().iter().for_each(|(_, client)| client.end(End::Stop));
    }

    /// Looks after time, for as long as the thread runs.
    pub(crate) async fn tick(self: Rc<Self>) {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut ticks = 0_u32;
        loop {
            interval.tick().await;
            let (now, loaded) = (Instant::now(), self.settings());
            self.clients.borrow().iter().for_each(|(_, client)| client.look_after(&loaded.times, now));
            if self.stopping.get() {
                self.end_idle();
            }
            ticks = ticks.wrapping_add(1);
            if ticks.is_multiple_of(TIDY_EVERY) {
                loaded.upstreams.iter().for_each(|upstream| upstream.tidy(now));
                if self.index == 0 {
                    self.shared.limiters.load().tidy();
                }
            }
        }
    }

    /// Tenants by the ids of their keys, as they are published now.
    pub(crate) fn key_index(&self) -> Arc<Index> {
        let directory = &self.loaded.borrow().directory;
        let index = self.shared.keys.load_full();
        if index.is_of(directory) {
            return index;
        }
        let index = Arc::new(Index::of(directory));
        self.shared.keys.store(Arc::clone(&index));
        index
    }

    /// What is written about a tenant.
    pub(crate) fn known(&self, tenant: &Admitted) -> Rc<Known> {
        let facts = tenant.facts();
        let mut known = self.known.borrow_mut();
        if let Some(known) = known.get(&tenant.number()).filter(|k| Arc::ptr_eq(&k.facts, &facts)) {
            return Rc::clone(known);
        }
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        let made = Rc::new(self.make_known(tenant.number(), facts));
        known.insert(tenant.number(), Rc::clone(&made));
        made
    }

    fn make_known(&self, number: u32, facts: Arc<TenantFacts>) -> Known {
        let loaded = self.settings();
        let key = facts.key.to_string();
        let mut lines = Vec::new();
        for name in &loaded.stamp_headers {
            lines.extend_from_slice(format!("{name}: {}\r\n", header_value(&key)).as_bytes());
        }
        let mut members = String::from(",\"tenant\":");
        quote(&key, &mut members);
        if let Some(slug) = &facts.slug {
            members.push_str(",\"slug\":");
            quote(slug, &mut members);
        }
        if !facts.plan.is_empty() {
            members.push_str(",\"plan\":");
            quote(&facts.plan, &mut members);
        }
        let own = facts.limits.requests_per_second;
        let own = own.map(|n| Rate { per_second: n, burst: facts.limits.request_burst.unwrap_or(n) });
        let rate = own.or(loaded.rates.tenant);
        let limiters = self.shared.limiters.load();
        let budgets = [false, true].map(|proven| rate.map(|rate| limiters.budget(number, proven, rate)));
        let of = |proven| loaded.exact.as_ref().map(|exact| exact.name(&facts.key, proven)).unwrap_or_default();
        let budget_names = [of(false), of(true)];
        Known { facts, lines, members, budgets, budget_names, pass: RefCell::default() }
    }

    /// Takes a request out of a tenant's budget: how many are left.
    pub(crate) async fn spend(&self, known: &Known, proven: bool, budget: &Budget) -> Result<u32, Duration> {
        let exact = self.loaded.borrow().exact.clone();
        if let Some(exact) = exact {
            let taken = exact.take(known.budget_name(proven), budget.rate).await;
            self.shared.decided.count(taken.is_some());
            if let Some(taken) = taken {
                return taken;
            }
        }
        self.shared.limiters.load().take(budget)
    }

    /// A pass of a tenant for the SQL proxy, which is good for a while yet.
    pub(crate) fn pass(&self, known: &Known, now: i64, out: &mut Vec<u8>) {
        let loaded = self.settings();
        let (Some(settings), Some(key)) = (&loaded.pass, &loaded.pass_key) else { return };
        let lifetime = i64::try_from(settings.lifetime.as_secs()).unwrap_or(60);
        let mut pass = known.pass.borrow_mut();
        // half of its time is left to whoever receives it
        if pass.1 - now < lifetime / 2 {
            let expires_at = now.saturating_add(lifetime);
            let claims = PassClaims { tenant: known.facts.key.clone(), scope: None, expires_at };
            match key.sign_pass(&claims) {
                Ok(text) => *pass = (text, expires_at),
                Err(error) => return tracing::error!("cannot sign a pass: {error}"),
            }
        }
        out.extend_from_slice(b"X-Tenantry-Pass: ");
        out.extend_from_slice(pass.0.as_bytes());
        out.extend_from_slice(b"\r\n");
    }

    /// 64 random bits: splitmix64 from a random start. For ids, not for secrets.
    pub(crate) fn random(&self) -> u64 {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// An id for a request: 32 hexadecimal digits.
    pub(crate) fn new_id(&self) -> String {
        let mut id = String::with_capacity(32);
        hex(self.random(), &mut id);
        hex(self.random(), &mut id);
        id
    }

    /// Microseconds since the thread began: the clock of usage.
    pub(crate) fn micros(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.began).as_micros()).unwrap_or(u64::MAX)
    }
}

impl Known {
    /// Where the budget is counted for all gateways.
    pub(crate) fn budget_name(&self, proven: bool) -> &str {
        &self.budget_names[usize::from(proven)]
    }

    /// The budget for requests with or without a proof.
    pub(crate) fn budget(&self, proven: bool) -> Option<&Arc<Budget>> {
        self.budgets[usize::from(proven)].as_ref()
    }
}

/// A client that is counted as long as this lives.
pub(crate) struct Entered {
    worker: Rc<Worker>,
    pub(crate) client: Rc<Client>,
    at: usize,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut clients = self.worker.clients.borrow_mut();
        clients.try_remove(self.at);
        self.worker.counts().connections.store(clients.len() as u64, Ordering::Relaxed);
    }
}

/// Unix time in milliseconds.
pub(crate) fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Unix time in seconds.
pub(crate) fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
