//! Waiting for a seat.

use std::sync::Arc;

use tenantry_edge::fair::Ticket;
use tokio::sync::oneshot::{self, Receiver, Sender};

use super::{Seat, Shared};
use crate::connection::Who;

/// One that waits, as the pool sees it.
pub(super) struct Waiter {
    pub(super) who: Who,
    sender: Sender<Seat>,
}

impl Waiter {
    pub(super) fn new(who: Who) -> (Self, Receiver<Seat>) {
        let (sender, receiver) = oneshot::channel();
        (Self { who, sender }, receiver)
    }

    /// Hands a seat over; it comes back if nobody waits any more.
    pub(super) fn give(self, seat: Seat) -> Option<Seat> {
        self.sender.send(seat).err()
    }
}

/// One that waits, as it sees itself. Dropping it leaves the queue; a seat that was given just then goes back.
pub(super) struct Waiting {
    shared: Arc<Shared>,
    ticket: Ticket,
    receiver: Receiver<Seat>,
}

impl Waiting {
    pub(super) fn new(shared: Arc<Shared>, ticket: Ticket, receiver: Receiver<Seat>) -> Self {
        Self { shared, ticket, receiver }
    }

    /// The seat; `None` if the pool was closed.
    pub(super) async fn given(&mut self) -> Option<Seat> {
        (&mut self.receiver).await.ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // the waiter is dropped after the lock is
        let left = self.shared.lock().queue.cancel(self.ticket);
        drop(left);
    }
}
