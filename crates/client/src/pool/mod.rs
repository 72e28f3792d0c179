//! The connections of a pool, one for each slot login, and who gets the next.
//!
//! Whose turn it is, and how many connections one tenant may hold at once, is the fair queue's to say
//! ([`tenantry_edge::fair`]). Decisions are made under a short lock; nothing is awaited under it. A seat that was
//! given out settles its account when it is dropped, wherever that happens.

mod numbers;
mod seat;
mod waiting;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tenantry_edge::fair::FairQueue;
use tenantry_model::TenantKey;
use tenantry_model::token::ContextKey;
use tenantry_pg::Target;

use crate::connection::{Connection, Who};
use crate::error::Error;
use crate::kinds::Kinds;
use crate::{Credentials, CredentialsError, Options, TenantHandle};
use numbers::Numbers;
pub(crate) use seat::Seat;
use waiting::{Waiter, Waiting};

/// All tenants weigh the same here: plans are the gateway's business.
const WEIGHT: u32 = 1;

/// Connections to one isolated database. Cheap to clone; all clones are one pool.
///
/// It has no method that runs SQL: [`tenant`](Self::tenant) is the only way to a connection.
#[derive(Clone)]
pub struct TenantPool {
    pub(crate) shared: Arc<Shared>,
}

impl std::fmt::Debug for TenantPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Counts { size, used, idle, waiting } = self.counts();
        f.debug_struct("TenantPool")
            .field("size", &size)
            .field("used", &used)
            .field("idle", &idle)
            .field("waiting", &waiting)
            .finish()
    }
}

/// How a pool stands at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Connections it may have.
    pub size: usize,
    /// Connections in use, and those being brought to rest or closed.
    pub used: usize,
    /// Connections open and free.
    pub idle: usize,
    /// How many wait.
    pub waiting: usize,
}

impl TenantPool {
    /// Makes a pool, and its first connection, so that wrong credentials show at once.
    pub async fn connect(credentials: Credentials, options: Options) -> Result<Self, Error> {
        let unusable = |source| Error::Credentials { source };
        let key = credentials.key().map_err(unusable)?;
        let range = options.slots.clone().unwrap_or(0..credentials.slots());
        let logins = credentials.logins.get(range).filter(|logins| !logins.is_empty());
        let logins = logins.ok_or(CredentialsError::NoLogin).map_err(unusable)?;
        let server = match &options.server {
            Some(server) => server.with_database(&credentials.database),
            None => Target::new(&credentials.host, credentials.port, "", None, &credentials.database),
        };
        let server = server.with_application_name(&options.application_name);
        let targets: Vec<Target> = logins.iter().map(|l| server.with_login(&l.user, &l.password)).collect();
        let first = open(&targets[0], 0, &options).await?;
        let kinds = Kinds::read(&first.client).await?;
        let state = State {
            queue: FairQueue::new(),
            numbers: Numbers::default(),
            idle: vec![first],
            // taken from the end: the lowest login first
            free: (1..targets.len()).rev().collect(),
            closed: false,
        };
        Ok(Self { shared: Arc::new(Shared { key, kinds, targets, options, state: Mutex::new(state) }) })
    }

    /// The way to a tenant's rows.
    pub fn tenant(&self, tenant: &TenantKey) -> TenantHandle {
        TenantHandle::new(self.clone(), Who { tenant: tenant.clone(), unit: None })
    }

    /// How many connections it may have.
    pub fn size(&self) -> usize {
        self.shared.targets.len()
    }

    /// How it stands at this moment.
    pub fn counts(&self) -> Counts {
        let state = self.shared.lock();
        Counts { size: self.size(), used: state.queue.in_service(), idle: state.idle.len(), waiting: state.queue.len() }
    }

    /// Ends the pool: who waits is told, what is idle is closed before this returns, what is in use is closed when
    /// it comes back.
    pub async fn close(&self) {
        let (idle, waiters) = {
            let mut state = self.shared.lock();
            state.closed = true;
            let idle = std::mem::take(&mut state.idle);
            state.free.extend(idle.iter().map(|c| c.slot));
            (idle, state.queue.drain_all())
        };
        drop(waiters);
        for connection in idle {
            connection.client.close().await;
        }
    }
}

pub(crate) struct Shared {
    pub(crate) key: ContextKey,
    pub(crate) kinds: Kinds,
    targets: Vec<Target>,
    pub(crate) options: Options,
    state: Mutex<State>,
}

struct State {
    queue: FairQueue<Waiter>,
    numbers: Numbers,
    /// Open connections that nobody uses, the one used longest ago first.
    idle: Vec<Connection>,
    /// Slots without a connection.
    free: Vec<usize>,
    closed: bool,
}

async fn open(target: &Target, slot: usize, options: &Options) -> Result<Connection, Error> {
    let within = options.connect_within;
    let opened = tokio::time::timeout(within, Connection::open(target, slot)).await;
    opened.unwrap_or(Err(Error::Silent { within }))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // a panic under the lock leaves counts that are at worst too high
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects with the login of a slot.
    pub(crate) async fn open(&self, slot: usize) -> Result<Connection, Error> {
        open(&self.targets[slot], slot, &self.options).await
    }

    /// Waits for a seat, within bounds.
    pub(crate) async fn seat(self: &Arc<Self>, who: &Who) -> Result<Seat, Error> {
        let mut waiting = {
            let mut state = self.lock();
            if state.closed {
                return Err(Error::Closed);
            }
            let State { queue, numbers, .. } = &mut *state;
            let number = numbers.of(&who.tenant, queue);
            if state.has_room() && state.queue.try_begin(number, WEIGHT, self.size()) {
                return Ok(self.place(&mut state, number, who));
            }
            let (waiter, receiver) = Waiter::new(who.clone());
            let limit = Some(self.options.waiting_max);
            let pushed = state.queue.push(number, WEIGHT, waiter, limit);
            let ticket = pushed.map_err(|full| Error::TooManyWaiting { waiting: full.length })?;
            Waiting::new(Arc::clone(self), ticket, receiver)
        };
        // others may wait for what this tenant may have
        self.serve();
        let waited = self.options.wait;
        match tokio::time::timeout(waited, waiting.given()).await {
            Ok(given) => given.ok_or(Error::Closed),
            Err(_) => Err(Error::Exhausted { waited, size: self.targets.len() }),
        }
    }

    /// Gives out seats as long as there are any and somebody may have one.
    fn serve(self: &Arc<Self>) {
        loop {
            let (waiter, seat) = {
                let mut state = self.lock();
                if !state.has_room() {
                    return;
                }
                let Some((number, waiter)) = state.queue.pop_sharing(self.size(), |_| true) else { return };
                let seat = self.place(&mut state, number, &waiter.who);
                (waiter, seat)
            };
            if let Some(seat) = waiter.give(seat) {
                // it left at this very moment
                seat.unused();
            }
        }
    }

    /// A seat for a tenant whose service has begun. There is room.
    fn place(self: &Arc<Self>, state: &mut State, number: u32, who: &Who) -> Seat {
        let (connection, slot) = match state.take_idle(who, self.options.lifetime) {
            Some(connection) => (Some(connection), None),
            None => (None, state.free.pop()),
        };
        let slot = connection.as_ref().map(|c| c.slot).or(slot).unwrap_or_default();
        Seat::new(Arc::clone(self), number, slot, connection)
    }

    fn size(&self) -> u32 {
        u32::try_from(self.targets.len()).unwrap_or(u32::MAX)
    }
}

impl State {
    fn has_room(&self) -> bool {
        !self.idle.is_empty() || !self.free.is_empty()
    }

    /// A connection that was this tenant's, else the one that nobody used for longest. What is too old or broken is
    /// dropped, and its slot is free.
    fn take_idle(&mut self, who: &Who, lifetime: std::time::Duration) -> Option<Connection> {
        let now = Instant::now();
        let free = &mut self.free;
        self.idle.retain(|connection| {
            let good = connection.is_good() && now.duration_since(connection.made_at) < lifetime;
            if !good {
                free.push(connection.slot);
            }
            good
        });
        let at = self.idle.iter().position(|connection| connection.is_held_by(who)).unwrap_or(0);
        (!self.idle.is_empty()).then(|| self.idle.remove(at))
    }
}
