//! The application: its servers, which of them are well, and whose turn it is where connections are few.
//!
//! A request first gets a [`Seat`], by its tenant's turn; whoever holds one may use a connection. A server that cannot
//! be reached is left alone for a while (`edge::breaker`), and one that says it is not well is not asked.

mod health;
mod link;
mod seat;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tenantry_edge::breaker::{Breaker, Phase};
use tenantry_edge::fair::FairQueue;

use crate::refusal::Refusal;
use crate::settings::{Times, UpstreamSettings};
pub(crate) use link::Link;
pub(crate) use seat::{Asker, Seat};

/// An application, as one thread sees it.
pub(crate) struct Upstream {
    pub(crate) settings: Arc<UpstreamSettings>,
    times: Times,
    servers: Vec<Server>,
    next: Cell<usize>,
    queue: RefCell<FairQueue<seat::Waiter>>,
    in_use: Cell<u32>,
}

struct Server {
    address: String,
    idle: RefCell<Vec<Link>>,
    breaker: RefCell<Breaker>,
    /// What its health path said last.
    well: Cell<bool>,
}

/// A connection, and which server it is to.
pub(crate) struct Connected {
    pub(crate) link: Link,
    pub(crate) server: usize,
    /// It has carried a request before.
    pub(crate) reused: bool,
}

impl Upstream {
    pub(crate) fn new(settings: Arc<UpstreamSettings>, times: Times) -> Rc<Self> {
        let server = |address: &String| Server {
            address: address.clone(),
            idle: RefCell::default(),
            breaker: RefCell::default(),
            well: Cell::new(true),
        };
        let servers = settings.servers.iter().map(server).collect();
        let (queue, in_use, next) = (RefCell::default(), Cell::new(0), Cell::new(0));
        let upstream = Rc::new(Self { servers, settings, times, next, queue, in_use });
        health::watch(&upstream);
        upstream
    }

    /// Whether it is reached in the same way.
    pub(crate) fn is_same(&self, other: &UpstreamSettings) -> bool {
        let own = &*self.settings;
        let tls = match (&own.tls, &other.tls) {
            (None, None) => true,
            (Some((_, a)), Some((_, b))) => a == b,
            _ => false,
        };
        tls && own.name == other.name
            && own.servers == other.servers
            && own.connections_max == other.connections_max
            && own.health_path == other.health_path
    }

    /// A connection: an unused one, or a new one. `fresh` leaves the unused ones alone.
    pub(crate) async fn connect(&self, fresh: bool) -> Result<Connected, Refusal> {
        let now = Instant::now();
        for _ in 0..self.servers.len() {
            let Some(at) = self.choose(now) else { break };
            let server = &self.servers[at];
            while !fresh && let Some(link) = server.take_idle() {
                if link.is_usable() {
                    return Ok(Connected { link, server: at, reused: true });
                }
            }
            if server.breaker.borrow_mut().may_try(now).is_err() {
                continue;
            }
            match Link::connect(&server.address, self.settings.tls.as_ref(), self.times.connect_within).await {
                Ok(link) => {
                    self.succeeded(at);
                    return Ok(Connected { link, server: at, reused: false });
                }
                Err(error) => {
                    self.failed(at);
                    tracing::warn!("upstream {} at {}: {error}", self.settings.name, server.address);
                }
            }
        }
        Err(Refusal::UpstreamUnavailable)
    }

    /// The next server that is worth trying.
    fn choose(&self, now: Instant) -> Option<usize> {
        let count = self.servers.len();
        let start = self.next.get();
        let worth = |at: &usize| {
            let server = &self.servers[*at];
            server.well.get() && server.breaker.borrow().phase(now) != Phase::Open
        };
        let chosen = (0..count).map(|step| (start + step) % count).find(worth)?;
        self.next.set((chosen + 1) % count);
        Some(chosen)
    }

    /// A server answered.
    pub(crate) fn succeeded(&self, server: usize) {
        self.servers[server].breaker.borrow_mut().on_success(Instant::now());
    }

    /// A server did not answer.
    pub(crate) fn failed(&self, server: usize) {
        self.servers[server].breaker.borrow_mut().on_failure(Instant::now());
    }

    /// A connection that may carry another request.
    pub(crate) fn give_back(&self, server: usize, mut link: Link) {
        link.input.tell_nobody();
        let server = &self.servers[server];
        let mut idle = server.idle.borrow_mut();
        if idle.len() < self.settings.idle_max {
            link.idle_since = Instant::now();
            idle.push(link);
        }
    }

    /// Closes what was not used for long.
    pub(crate) fn tidy(&self, now: Instant) {
        for server in &self.servers {
            let within = self.settings.idle_within;
            server.idle.borrow_mut().retain(|link| now.saturating_duration_since(link.idle_since) < within);
        }
    }
}

impl Server {
    /// The one used last: the others may go.
    fn take_idle(&self) -> Option<Link> {
        self.idle.borrow_mut().pop()
    }
}
