//! One connection of a client, as far as others look at it: what it does, since when, and whether it has to end.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Instant;

use tenantry_edge::admission::Admitted;
use tenantry_edge::directory::TenantState;

use crate::ablation::{Protection, removed};
use crate::settings::Times;

/// Who is at the other end, and how they came.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// The same as text, since it is written with each request.
    pub(crate) text: Rc<str>,
    pub(crate) is_tls: bool,
    /// It came to an address that only leads to another.
    pub(crate) is_redirected: bool,
    /// The name the client asked for in TLS, in lower case.
    pub(crate) server_name: Option<Rc<str>>,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The next request.
    Idle,
    /// The rest of a head.
    Head,
    /// The application.
    Answer,
    /// More of a body, in either direction.
    Stream,
    /// Whatever comes through a tunnel.
    Tunnel,
}

/// Why it has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It took too long.
    Late(Phase),
    /// Its tenant may not work any more.
    Tenant(TenantState),
    /// The gateway stops.
    Stop,
}

/// A client.
pub(crate) struct Client {
    phase: Cell<Phase>,
    since: Cell<Instant>,
    tenant: RefCell<Option<Admitted>>,
    ended: Cell<Option<End>>,
    waker: RefCell<Option<Waker>>,
}

impl Client {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            phase: Cell::new(Phase::Idle),
            since: Cell::new(Instant::now()),
            tenant: RefCell::new(None),
            ended: Cell::new(None),
            waker: RefCell::new(None),
        })
    }

    /// It waits for something else from now on.
    pub(crate) fn enter(&self, phase: Phase, now: Instant) {
        self.phase.set(phase);
        self.since.set(now);
    }

    /// Something came.
    pub(crate) fn moved(&self) {
        self.since.set(Instant::now());
    }

    /// For whom it works now.
    pub(crate) fn works_for(&self, tenant: Option<Admitted>) {
        *self.tenant.borrow_mut() = tenant;
    }

    /// Asks it to end.
    pub(crate) fn end(&self, why: End) {
        if self.ended.get().is_none() {
            self.ended.set(Some(why));
        }
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Whether it waits for a request.
    pub(crate) fn is_idle(&self) -> bool {
        self.phase.get() == Phase::Idle
    }

    /// Comes back when it has to end.
    pub(crate) fn until_ended(&self) -> impl Future<Output = End> {
        // one task works for a client, so one place for its waker is enough, and it stays there
        poll_fn(|cx| {
            if let Some(why) = self.ended.get() {
                return Poll::Ready(why);
            }
            let mut waker = self.waker.borrow_mut();
            if !waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
                *waker = Some(cx.waker().clone());
            }
            Poll::Pending
        })
    }

    /// What time and the operator's decisions mean for it.
    pub(crate) fn look_after(&self, times: &Times, now: Instant) {
        if let Some(tenant) = &*self.tenant.borrow()
            && tenant.state() != TenantState::Active
            && !removed(Protection::Cut)
        {
            self.end(End::Tenant(tenant.state()));
        }
        let phase = self.phase.get();
        let within = match phase {
            Phase::Idle => times.idle_within,
            Phase::Head => times.head_within,
            Phase::Answer => times.answer_within,
            Phase::Stream => times.pause_within,
            Phase::Tunnel => return,
        };
        if now.saturating_duration_since(self.since.get()) > within {
            self.end(End::Late(phase));
        }
    }
}
