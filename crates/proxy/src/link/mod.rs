//! A connection to a PostgreSQL server and what is known of its state.
//!
//! Every message that asks for an answer leaves an [`Expect`] behind, in order. Answers are held against that queue,
//! so that one that nobody asked for is noticed at once: such a connection is closed, because the next answer could
//! be somebody else's rows. [`scan`] does that; [`mod@write`] fills the queue.

mod expect;
mod scan;
mod standby;
mod write;

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tenantry_edge::admission::Admitted;
use tenantry_wire::backend::TransactionStatus;

use crate::buffer::Buffer;
use crate::parameters::Parameters;
use crate::pool::Slot;
use crate::statements::Prepared;
use crate::stream::Stream;

pub(crate) use expect::{Expect, Kind};
pub(crate) use scan::Seen;
pub(crate) use write::{Entry, Want};

/// Whose context a connection holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// Nobody's: protected tables are closed.
    Nobody,
    /// This tenant's, by its number in the directory, or of this part of it.
    Tenant(u32, Option<tenantry_model::TenantKey>),
    /// Not certain: the last change was rolled back, or somebody may have changed settings. Must be entered anew.
    Unknown,
}

impl Held {
    /// What a transaction of this tenant needs.
    pub(crate) fn of(tenant: Option<&Admitted>) -> Self {
        tenant.map_or(Self::Nobody, |t| Self::Tenant(t.number(), t.scope().cloned()))
    }
}

/// What the console shows of a server connection, as long as there is one.
pub(crate) struct Shown {
    pub(crate) process: i32,
    pub(crate) user: Rc<str>,
    pub(crate) made_at: Instant,
}

/// Bytes that a server may have said at once to nobody in particular: a notice, a changed setting.
const HEARD_BYTES_MAX: usize = 2048;

/// One server connection.
pub(crate) struct Link {
    pub(crate) stream: Stream,
    /// The login it was made with; nobody else uses it meanwhile.
    pub(crate) slot: Slot,
    /// The server's process.
    pub(crate) process: i32,
    /// What cancels it.
    pub(crate) secret: Rc<[u8]>,
    /// What `tenantry.bind_session()` gave; `None` where the database is not isolated.
    pub(crate) session_no: Option<i64>,
    /// Counter of the last signed context.
    pub(crate) counter: i64,
    pub(crate) held: Held,
    pub(crate) status: TransactionStatus,
    /// Bytes to send.
    pub(crate) out: Buffer,
    /// The beginning of a message that has not come whole.
    pub(crate) partial: Vec<u8>,
    /// Bytes of a large message still to come, and whether they are passed on.
    pub(crate) passing: Passing,
    /// What is asked for and not answered yet.
    pub(crate) expect: VecDeque<Expect>,
    /// Messages of the extended protocol went out since the last Sync: the server waits for it.
    pub(crate) unsynced: bool,
    /// An error in the extended protocol was answered and no Sync has followed yet: the server passes over everything
    /// up to it, simple queries too.
    pub(crate) skipping: bool,
    /// The server takes copy data now.
    pub(crate) copy_in: bool,
    pub(crate) prepared: Prepared,
    /// Settings it has.
    pub(crate) parameters: Rc<Parameters>,
    /// Settings it was started with: what `RESET ALL` brings back.
    pub(crate) base: Rc<Parameters>,
    /// The context was entered in the transaction that is open: it goes if that is rolled back.
    pub(crate) entered_inside: bool,
    /// Something was rolled back since.
    pub(crate) rolled_back: bool,
    /// Cursors that a client holds beyond its transactions.
    pub(crate) held_cursors: u32,
    /// The statement was cancelled because its time was over.
    pub(crate) over_time: bool,
    /// The client is told at once when a change of context is refused: it happens inside its transaction.
    pub(crate) inline_refusals: bool,
    /// Why the context was refused inside a transaction; the error of the client's statement behind it will say so.
    pub(crate) refused_inside: Option<Box<str>>,
    /// Somebody changed something that outlives a transaction.
    pub(crate) dirty: bool,
    /// It stays with the client that changed it, whose state that is.
    pub(crate) kept: bool,
    /// The client took its settings back to what they were.
    pub(crate) was_reset: bool,
    /// It must not be used again, and why.
    pub(crate) doomed: Option<&'static str>,
    /// Whether a standby answers: no context can be held there.
    pub(crate) standby: bool,
    /// A simple query does not end what the extended protocol began before it, as it did up to PostgreSQL 17: without a
    /// Sync between them the transaction stays open.
    pub(crate) needs_sync: bool,
    /// What the console shows of it.
    pub(crate) shown: Rc<Shown>,
    /// The context stands in a setting and has to be renewed from then on.
    pub(crate) stateless_until: Option<Instant>,
    /// The transaction that is open was begun READ ONLY, as far as is known.
    pub(crate) read_only: bool,
    /// Cancel requests on their way to it.
    pub(crate) cancels: Rc<Cell<u32>>,
    pub(crate) made_at: Instant,
    pub(crate) used_at: Instant,
}

/// Bytes of a message that is larger than what was read at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passing {
    /// Bytes still to come.
    pub(crate) left: usize,
    /// They are dropped, not passed on.
    pub(crate) drop: bool,
}

impl Link {
    /// Whether every answer has come and no transaction is open: it can be given to somebody else.
    pub(crate) fn is_idle(&self) -> bool {
        self.expect.is_empty()
            && self.status == TransactionStatus::Idle
            && self.passing.left == 0
            && self.partial.is_empty()
            && self.out.is_empty()
            && !self.copy_in
            && !self.unsynced
            && !self.skipping
    }

    /// Expects an answer, or gives it at once if nothing comes before it.
    pub(crate) fn answer(&mut self, expect: Expect, client: &mut Buffer) {
        if self.expect.is_empty() {
            expect.give(self.status, client.tail());
        } else {
            self.expect.push_back(expect);
        }
    }

    /// Whether the server still holds an idle connection. What it said meanwhile is heard: usually nothing, and that
    /// costs no system call.
    pub(crate) fn is_still_there(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        if self.stream.poll_readable(&mut cx).is_pending() {
            return self.partial.is_empty();
        }
        let mut bytes = [0; HEARD_BYTES_MAX];
        loop {
            let count = match self.stream.poll_read(&mut cx, &mut bytes) {
                Poll::Pending => return self.partial.is_empty(),
                Poll::Ready(Ok(count)) if count > 0 && self.partial.is_empty() => count,
                Poll::Ready(_) => return false,
            };
            match self.scan(&bytes[..count], &mut Buffer::default(), false) {
                Ok(seen) if !seen.fatal && seen.consumed == count && self.doomed.is_none() => {}
                _ => return false,
            }
        }
    }

    /// Marks it as not to be used again.
    pub(crate) fn doom(&mut self, why: &'static str) {
        self.doomed.get_or_insert(why);
    }
}
