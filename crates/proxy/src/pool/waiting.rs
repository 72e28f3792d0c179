//! Waiting for a server connection.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tenantry_edge::fair::Ticket;

use super::{Asker, Lease, Pool};
use crate::refusal::Refusal;

/// One that waits, as the pool sees it.
pub(crate) struct Waiter {
    pub(super) asker: Asker,
    pub(super) ticket: Cell<Option<Ticket>>,
    outcome: RefCell<Option<Result<Lease, Refusal>>>,
    waker: RefCell<Option<Waker>>,
}

impl Waiter {
    pub(super) fn new(asker: Asker) -> Rc<Self> {
        Rc::new(Self { asker, ticket: Cell::new(None), outcome: RefCell::new(None), waker: RefCell::new(None) })
    }

    pub(super) fn give(&self, lease: Lease) {
        self.settle(Ok(lease));
    }

    pub(super) fn fail(&self, refusal: Refusal) {
        self.settle(Err(refusal));
    }

    fn settle(&self, outcome: Result<Lease, Refusal>) {
        self.ticket.set(None);
        *self.outcome.borrow_mut() = Some(outcome);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// One that waits, as it sees itself. Dropping it leaves the queue, and gives back what had just been given.
pub(crate) struct Waiting {
    pool: Rc<Pool>,
    waiter: Rc<Waiter>,
    pub(crate) since: Instant,
}

impl Waiting {
    pub(super) fn new(pool: Rc<Pool>, waiter: Rc<Waiter>, ticket: Ticket, since: Instant) -> Self {
        if waiter.outcome.borrow().is_none() {
            waiter.ticket.set(Some(ticket));
        }
        Self { pool, waiter, since }
    }
}

impl Future for Waiting {
    type Output = Result<Lease, Refusal>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(outcome) = self.waiter.outcome.borrow_mut().take() {
            return Poll::Ready(outcome);
        }
        let mut waker = self.waiter.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(ticket) = self.waiter.ticket.take() {
            self.pool.inner.borrow_mut().queue.cancel(ticket);
        }
        let given = self.waiter.outcome.borrow_mut().take();
        if let Some(Ok(lease)) = given {
            lease.finish(Instant::now());
        }
    }
}
