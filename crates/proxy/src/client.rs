//! What the rest of a worker knows of a connected client: enough to cancel it, to end it and to show it.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::task::Waker;
use std::time::Instant;

use subtle::ConstantTimeEq;

use crate::ablation::{Protection, removed};

/// What a client is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Nothing; it has no server connection.
    Idle,
    /// Waiting for a server connection.
    Waiting,
    /// The server works for it.
    Running,
    /// It has a transaction open and says nothing.
    InTransaction,
}

/// Why a client is ended from outside, or its statement cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Its tenant was suspended.
    Suspended,
    /// Its tenant is gone.
    Deleted,
    /// An operator ended it.
    Killed,
    /// The proxy stops.
    Shutdown,
    /// The transaction took longer than the plan allows.
    TransactionTime,
    /// It left a transaction open for longer than the plan allows.
    IdleInTransaction,
    /// It does not read what it asked for.
    SlowReader,
}

/// Bytes of a cancel key under protocol 3.2; 3.0 has the first four.
pub(crate) const SECRET_BYTES: usize = 32;

/// Which server connection works for a client, so that it can be cancelled.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) process: i32,
    pub(crate) secret: Rc<[u8]>,
    /// Cancel requests on their way.
    pub(crate) cancels: Rc<Cell<u32>>,
    pub(crate) database: Rc<crate::pool::Pool>,
}

/// A connected client.
pub(crate) struct Client {
    pub(crate) secret: [u8; SECRET_BYTES],
    /// How many bytes of the secret it was given.
    pub(crate) secret_length: usize,
    pub(crate) login: Rc<str>,
    pub(crate) database: Rc<str>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) tenant: RefCell<Option<tenantry_edge::admission::Admitted>>,
    pub(crate) doing: Cell<Doing>,
    pub(crate) since: Cell<Instant>,
    pub(crate) transaction_since: Cell<Option<Instant>>,
    pub(crate) connected_at: Instant,
    pub(crate) target: RefCell<Option<Target>>,
    /// When it will have waited for a server connection long enough.
    pub(crate) waits_until: Cell<Option<Instant>>,
    /// Since when it has not read what is there for it, while a server connection waits.
    pub(crate) stuck_since: Cell<Option<Instant>>,
    /// The statement was cancelled for its time, so its error is to say so.
    pub(crate) over_time: Cell<bool>,
    end: Cell<Option<End>>,
    waker: RefCell<Option<Waker>>,
}

impl Client {
    pub(crate) fn new(
        secret: [u8; SECRET_BYTES],
        secret_length: usize,
        login: Rc<str>,
        database: Rc<str>,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Rc<Self> {
        Rc::new(Self {
            secret,
            secret_length,
            login,
            database,
            address,
            tenant: RefCell::new(None),
            doing: Cell::new(Doing::Idle),
            since: Cell::new(now),
            transaction_since: Cell::new(None),
            connected_at: now,
            target: RefCell::new(None),
            waits_until: Cell::new(None),
            stuck_since: Cell::new(None),
            over_time: Cell::new(false),
            end: Cell::new(None),
            waker: RefCell::new(None),
        })
    }

    /// Whether this is its secret, in constant time.
    pub(crate) fn has_secret(&self, given: &[u8]) -> bool {
        if removed(Protection::CancelSecret) {
            return true;
        }
        given.len() == self.secret_length && bool::from(self.secret[..self.secret_length].ct_eq(given))
    }

    pub(crate) fn now_doing(&self, doing: Doing, now: Instant) {
        self.doing.set(doing);
        self.since.set(now);
    }

    /// Whether it reads what is there for it.
    pub(crate) fn reads(&self, reads: bool) {
        match (reads, self.stuck_since.get()) {
            (true, _) => self.stuck_since.set(None),
            (false, None) => self.stuck_since.set(Some(Instant::now())),
            (false, Some(_)) => {}
        }
    }

    /// Ends it at its next step.
    pub(crate) fn end(&self, why: End) {
        self.end.set(Some(why));
        self.wake();
    }

    /// Makes it look at where it stands.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// Whether it is to end; asked at every step.
    pub(crate) fn ended(&self) -> Option<End> {
        self.end.get()
    }

    /// Remembers whom to wake when it is to end.
    pub(crate) fn watch(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|k| k.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }
}
