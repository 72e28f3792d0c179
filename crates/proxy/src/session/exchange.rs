//! One transaction: both directions at once, until the server is at rest.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use tenantry_wire::backend::{self, TransactionStatus};

use super::pump::OUT_BYTES_MAX;
use super::{Over, Session};
use crate::ablation::{Protection, removed};
use crate::client::Doing;
use crate::link::{Link, Seen};
use crate::parameters::REPORTED;
use crate::refusal::Refusal;

/// Bytes the client has not read before no more are read from the server.
const OUTPUT_BYTES_MAX: usize = 256 * 1024;
/// Bytes read at once from a client at work.
const CHUNK_BYTES: usize = 16 * 1024;

/// How a transaction ended for us.
pub(super) enum Exchange {
    /// The server is at rest.
    Done,
    /// It did not take the context. Nothing of the client was executed.
    ContextRefused(Box<str>),
    /// The session ends.
    Over(Over),
}

impl From<Refusal> for Exchange {
    fn from(refusal: Refusal) -> Self {
        Self::Over(Over::Told(refusal))
    }
}

impl Session {
    pub(super) async fn exchange(&mut self, link: &mut Link) -> Exchange {
        poll_fn(|cx| self.poll_exchange(cx, link)).await
    }

    fn poll_exchange(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Poll<Exchange> {
        loop {
            if let Some(over) = self.ended() {
                return Poll::Ready(Exchange::Over(over));
            }
            if let Err(refusal) = self.pump(link) {
                return Poll::Ready(refusal.into());
            }
            let mut progress = false;
            if !link.out.is_empty() {
                let was_full = link.out.is_longer_than(OUT_BYTES_MAX);
                // a server that is gone is noticed when reading, with its last words
                let _ = link.out.poll_drain(cx, &mut link.stream);
                // the client's next messages waited for room
                progress = was_full && link.out.is_empty();
            }
            // first make room, then read: a client that has read again must not be forgotten
            if !self.output.is_empty() {
                match self.output.poll_drain(cx, &mut self.stream) {
                    Poll::Ready(Ok(())) => self.client.reads(true),
                    Poll::Ready(Err(_)) => return Poll::Ready(Exchange::Over(Over::Left)),
                    Poll::Pending => self.client.reads(false),
                }
            }
            if self.output.len() < OUTPUT_BYTES_MAX {
                match self.read_server(cx, link) {
                    Poll::Ready(Ok(None)) => progress = true,
                    Poll::Ready(Ok(Some(end))) => return Poll::Ready(end),
                    Poll::Ready(Err(_)) => {
                        link.doom("the server closed it");
                        return Poll::Ready(self.server_gone(cx));
                    }
                    Poll::Pending => {}
                }
            }
            if !self.output.is_empty() && progress {
                continue;
            }
            if self.is_over(link) {
                return Poll::Ready(Exchange::Done);
            }
            if self.terminated {
                return Poll::Ready(Exchange::Over(Over::Left));
            }
            if self.wants_input(link) {
                match self.read_client(cx, CHUNK_BYTES) {
                    Poll::Ready(Ok(count)) if count > 0 => {
                        self.used.bytes_in += count as u64;
                        progress = true;
                    }
                    Poll::Ready(_) => return Poll::Ready(Exchange::Over(Over::Left)),
                    Poll::Pending => {}
                }
            }
            if !progress {
                self.client.watch(cx.waker());
                return Poll::Pending;
            }
        }
    }

    /// Whether the transaction is over, and nothing of it is left on the way.
    fn is_over(&self, link: &Link) -> bool {
        // what the client has not read yet needs no server
        self.sent && self.passing == 0 && link.is_idle()
    }

    /// Whether more of the client's bytes are of use now.
    fn wants_input(&self, link: &Link) -> bool {
        self.passing > 0 || (link.out.is_empty() && self.input.len() - self.cursor < CHUNK_BYTES.max(self.wanted))
    }

    /// Reads up to `chunk` bytes of the client; 0 is its end.
    pub(super) fn read_client(&mut self, cx: &mut Context<'_>, chunk: usize) -> Poll<io::Result<usize>> {
        let mut scratch = self.worker.scratch.borrow_mut();
        self.input.poll_fill(cx, &mut self.stream, &mut scratch[..chunk])
    }

    /// Reads from the server and passes on to the client.
    pub(super) fn read_server(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Poll<io::Result<Option<Exchange>>> {
        let worker = Rc::clone(&self.worker);
        let mut scratch = worker.scratch.borrow_mut();
        let kept = link.partial.len();
        scratch[..kept].copy_from_slice(&link.partial);
        let count = match link.stream.poll_read(cx, &mut scratch[kept..]) {
            Poll::Ready(Ok(count)) => count,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        };
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        self.used.bytes_out += count as u64;
        let bytes = &scratch[..kept + count];
        link.over_time = self.client.over_time.get();
        let seen = match link.scan(bytes, &mut self.output, self.transparent) {
            Ok(seen) => seen,
            Err(desync) => {
                tracing::error!(database = %self.pool.database.name, "{desync}; the connection is closed");
                link.doom("it is out of step");
                return Poll::Ready(Ok(Some(Refusal::server_gone().into())));
            }
        };
        link.partial.clear();
        link.partial.extend_from_slice(&bytes[seen.consumed..]);
        let run = &bytes[seen.run.clone()];
        if !run.is_empty() {
            let mut written = 0;
            if self.output.is_empty() && !self.stream.is_tls() {
                match self.stream.poll_write(cx, run) {
                    Poll::Ready(Ok(count)) => written = count,
                    Poll::Ready(Err(_)) => return Poll::Ready(Ok(Some(Exchange::Over(Over::Left)))),
                    Poll::Pending => {}
                }
            }
            if written < run.len() {
                self.output.push(&run[written..]);
            }
        }
        drop(scratch);
        Poll::Ready(Ok(self.note(seen, link)))
    }

    /// Draws the consequences of what the server said.
    fn note(&mut self, seen: Seen, link: &mut Link) -> Option<Exchange> {
        if let Some(reason) = seen.context_refused.filter(|_| !link.inline_refusals) {
            return Some(Exchange::ContextRefused(reason));
        }
        if self.entering && !link.expect.iter().any(|e| e.own && (e.context || self.alone)) {
            // the context stands: what was sent needs no second time
            self.entering = false;
            self.alone = false;
            self.before_entering.clear();
            self.input.consume(self.cursor);
            self.cursor = 0;
        }
        self.used.statements += u64::from(seen.ready);
        self.used.rows += seen.rows;
        self.used.errors += u64::from(seen.errors);
        for name in &seen.unparsed {
            self.statements.remove(&**name);
        }
        for (name, value) in seen.sets {
            self.keep_setting(&name, &value);
            link.parameters = Rc::clone(&self.parameters);
        }
        for (name, value) in &seen.parameters {
            let name = name.to_ascii_lowercase();
            if REPORTED.contains(&name.as_str()) {
                self.keep_setting(&name, value);
            }
        }
        if std::mem::take(&mut link.was_reset) {
            // to what the client asked for when it connected, not to what our connection had before
            self.parameters = Rc::clone(&self.startup);
            self.announce();
        }
        if seen.ready > 0 {
            if link.status == TransactionStatus::Idle {
                if link.entered_inside && link.rolled_back && !removed(Protection::ContextAgain) {
                    // what was entered in that transaction may have been rolled back with it
                    link.unsure();
                }
                link.entered_inside = false;
                link.rolled_back = false;
                link.transaction_ended();
            }
            // if the transaction is over as well, its end says so
            if !self.is_over(link) {
                // whoever has sent more already waits for the server, not the server for him
                let idles = link.status != TransactionStatus::Idle && link.expect.is_empty();
                let doing = if idles { Doing::InTransaction } else { Doing::Running };
                self.client.now_doing(doing, Instant::now());
            }
            self.client.over_time.set(false);
        }
        if seen.fatal {
            link.doom("the server closed it");
            self.terminated = true;
        }
        None
    }

    /// A setting the client gave its session: kept with the client from now on.
    fn keep_setting(&mut self, name: &str, value: &str) {
        if self.parameters.get(name) == Some(value) {
            return;
        }
        let mut changed = (*self.parameters).clone();
        changed.set(name, value);
        self.parameters = self.worker.parameters.intern(changed);
    }

    /// The server closed the connection: what it said last is passed on, then the client is told.
    fn server_gone(&mut self, _cx: &mut Context<'_>) -> Exchange {
        if self.terminated { Exchange::Over(Over::Left) } else { Refusal::server_gone().into() }
    }

    /// Tells the client the settings it has again.
    fn announce(&mut self) {
        for (name, value) in self.parameters.iter() {
            if REPORTED.contains(&name) {
                // a value with a zero byte was refused when it came
                let _ = backend::write_parameter_status(self.output.tail(), name, value);
            }
        }
    }
}
