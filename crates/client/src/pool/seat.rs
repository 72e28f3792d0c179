//! A place in the pool that somebody has: a slot, and its connection once there is one.

use std::sync::Arc;
use std::time::Instant;

use super::{Shared, WEIGHT};
use crate::connection::Connection;

/// Dropping it gives the slot back, with the connection that is in it. Whoever doubts the connection takes it out
/// first.
pub(crate) struct Seat {
    pub(crate) shared: Arc<Shared>,
    pub(crate) slot: usize,
    pub(crate) connection: Option<Connection>,
    number: u32,
    since: Instant,
    served: bool,
}

impl Seat {
    pub(super) fn new(shared: Arc<Shared>, number: u32, slot: usize, connection: Option<Connection>) -> Self {
        Self { shared, slot, connection, number, since: Instant::now(), served: true }
    }

    /// Gives it back without having used it. Others are not served by this.
    pub(super) fn unused(mut self) {
        self.served = false;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let connection = self.connection.take().filter(Connection::is_good);
        let mut state = self.shared.lock();
        if self.served {
            let micros = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
            state.queue.charge(self.number, WEIGHT, micros);
        } else {
            state.queue.unserved(self.number);
        }
        match connection {
            Some(connection) if !state.closed => state.idle.push(connection),
            _ => state.free.push(self.slot),
        }
        drop(state);
        if self.served {
            self.shared.serve();
        }
    }
}
