//! The first message of a transaction: what it is, whether it needs a server at all, and whose it is.

use std::future::poll_fn;
use std::task::Poll;

use tenantry_wire::backend::{self, TransactionStatus};
use tenantry_wire::frontend::{self, TargetKind};
use tenantry_wire::tag::frontend as tag;

use super::pump::streams_within_bounds;
use super::{Over, Session};
use crate::client::Doing;
use crate::identify::naming::Naming;
use crate::refusal::Refusal;
use crate::text::{self, Opening};

/// Bytes read at once from an idle client.
const CHUNK_BYTES: usize = 4 * 1024;
/// Of a large message, as much is awaited before a server connection is asked for.
const BEGINNING_BYTES: usize = 2048;

/// What to do next.
pub(super) enum First {
    /// It was answered here.
    Answered,
    /// A transaction begins.
    Transaction(Opening),
}

impl Session {
    /// Waits for a message, and looks at it.
    pub(super) async fn first(&mut self) -> Result<First, Over> {
        loop {
            self.flush().await?;
            match self.look()? {
                Some(first) => return Ok(first),
                None => self.read_more().await?,
            }
        }
    }

    /// `None`: more of the message is needed.
    fn look(&mut self) -> Result<Option<First>, Over> {
        if self.dropping > 0 {
            let count = self.dropping.min(self.input.len());
            self.input.consume(count);
            self.dropping -= count;
            return Ok((self.dropping == 0 && count > 0).then_some(First::Answered));
        }
        let available = self.input.unread();
        let Some(header) = frontend::header(available).map_err(Refusal::violation)? else { return Ok(None) };
        let whole = available.len() >= header.len;
        let streams = streams_within_bounds(header)?;
        let enough = whole || (streams && available.len() >= BEGINNING_BYTES);
        if !enough {
            return Ok(None);
        }
        let body = &available[5..header.len.min(available.len())];
        if self.skipping && header.tag != tag::SYNC && header.tag != tag::TERMINATE {
            self.drop_message(header.len);
            return Ok(Some(First::Answered));
        }
        match header.tag {
            tag::TERMINATE => return Err(Over::Left),
            tag::SYNC => {
                self.skipping = false;
                self.drop_message(header.len);
                let status = self.status_here();
                backend::write_ready_for_query(self.output.tail(), status);
                return Ok(Some(First::Answered));
            }
            // whatever is left of a copy that failed
            tag::FLUSH | tag::COPY_DATA | tag::COPY_DONE | tag::COPY_FAIL => {
                self.drop_message(header.len);
                return Ok(Some(First::Answered));
            }
            tag::CLOSE if self.kept.is_none() => {
                let target = frontend::close(body).map_err(Refusal::violation)?;
                if target.kind == TargetKind::Statement {
                    if target.name.is_empty() {
                        self.unnamed = Vec::new();
                    }
                    self.statements.remove(target.name);
                }
                self.drop_message(header.len);
                backend::write_close_complete(self.output.tail());
                return Ok(Some(First::Answered));
            }
            tag::QUERY | tag::PARSE | tag::BIND | tag::DESCRIBE | tag::EXECUTE | tag::CLOSE | tag::FUNCTION_CALL => {}
            other => {
                return Err(Refusal::violation(format_args!("message `{}` out of turn", char::from(other))).into());
            }
        }
        let text: &[u8] = match header.tag {
            tag::QUERY if whole => frontend::query(body).map_err(Refusal::violation)?,
            tag::QUERY => body,
            tag::PARSE => frontend::parse(body).map_err(Refusal::violation)?.query,
            _ => &[],
        };
        let opening = match header.tag {
            tag::QUERY | tag::PARSE => Opening::of(text),
            tag::BIND => self.opening_of_bound(body),
            _ => Opening::Other,
        };
        if let Some(first) = self.answered_here(header.tag, header.len, opening)? {
            return Ok(Some(first));
        }
        match self.whose()? {
            Ok(()) => Ok(Some(First::Transaction(opening))),
            Err(refusal) => {
                self.refuse(refusal)?;
                Ok(Some(First::Answered))
            }
        }
    }

    fn opening_of_bound(&self, body: &[u8]) -> Opening {
        let Ok(bind) = frontend::bind(body) else { return Opening::Other };
        match self.statements.get(bind.statement) {
            Some(statement) => statement.opening,
            None => Opening::Other,
        }
    }

    /// Commands that concern only this client, or no server.
    fn answered_here(&mut self, tag: u8, length: usize, opening: Opening) -> Result<Option<First>, Over> {
        if self.transparent || self.kept.is_some() {
            return Ok(None);
        }
        if opening == Opening::Listen {
            self.refuse(
                Refusal::new("0A000", "tenantry: LISTEN needs a connection of its own")
                    .hint("Use a login or database in session mode for it."),
            )?;
            return Ok(Some(First::Answered));
        }
        if tag != tag::QUERY {
            return Ok(None);
        }
        let command = match opening {
            Opening::Empty if !self.begun => {
                self.drop_message(length);
                backend::write_empty_query(self.output.tail());
                backend::write_ready_for_query(self.output.tail(), TransactionStatus::Idle);
                return Ok(Some(First::Answered));
            }
            Opening::DeallocateAll => {
                self.statements.clear();
                "DEALLOCATE ALL"
            }
            Opening::Deallocate => {
                let body = &self.input.unread()[5..length];
                let name = frontend::query(body).ok().and_then(text::deallocated).unwrap_or_default();
                if self.statements.remove(&*name).is_none() {
                    return Ok(None);
                }
                "DEALLOCATE"
            }
            Opening::DiscardAll if !self.begun => {
                self.statements.clear();
                self.unnamed = Vec::new();
                self.parameters = std::rc::Rc::clone(&self.startup);
                "DISCARD ALL"
            }
            // whose transaction it is will be said by the next statement: until then it needs no server
            Opening::Begin if self.names_tenants() && !self.begun => {
                self.begun = true;
                self.client.now_doing(Doing::InTransaction, std::time::Instant::now());
                "BEGIN"
            }
            _ => return Ok(None),
        };
        self.drop_message(length);
        self.unnamed = Vec::new();
        let status = self.status_here();
        // the names of commands hold no zero byte
        let _ = backend::write_command_complete(self.output.tail(), command);
        backend::write_ready_for_query(self.output.tail(), status);
        Ok(Some(First::Answered))
    }

    /// What ReadyForQuery says while no server is involved.
    fn status_here(&self) -> TransactionStatus {
        if self.begun { TransactionStatus::InTransaction } else { TransactionStatus::Idle }
    }

    /// Finds out whose transaction begins.
    fn whose(&mut self) -> Result<Result<(), Refusal>, Over> {
        if let Some(tenant) = &self.fixed {
            if let Err(refusal) = tenant.check() {
                let refusal = Refusal { code: refusal.sqlstate_when_cut(), ..refusal.into() };
                return Err(Over::Told(refusal));
            }
            if self.current.is_none() {
                self.current = self.fixed.clone();
            }
            return Ok(Ok(()));
        }
        self.current = None;
        self.named = false;
        if !self.names_tenants() {
            return Ok(Ok(()));
        }
        let naming = self.naming_of_input();
        if naming == Naming::Nobody {
            return Ok(Ok(()));
        }
        match self.admit(naming) {
            Ok(admitted) => {
                self.current = Some(admitted);
                self.named = true;
                Ok(Ok(()))
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// Takes a message away unseen, also what has not come of it yet.
    pub(super) fn drop_message(&mut self, length: usize) {
        let count = length.min(self.input.len());
        self.input.consume(count);
        self.dropping = length - count;
    }

    /// Waits for bytes of the client, or for its end. A server connection that the client has for itself may have
    /// something to say meanwhile.
    async fn read_more(&mut self) -> Result<(), Over> {
        let mut kept = self.kept.take();
        let read = poll_fn(|cx| {
            if let Some(over) = self.ended() {
                return Poll::Ready(Err(over));
            }
            if let Some(lease) = &mut kept {
                while let Poll::Ready(read) = self.read_server(cx, lease) {
                    match read {
                        Ok(None) => {}
                        Ok(Some(_)) | Err(_) => return Poll::Ready(Err(Over::Told(Refusal::server_gone()))),
                    }
                }
                if let Poll::Ready(Err(_)) = self.output.poll_drain(cx, &mut self.stream) {
                    return Poll::Ready(Err(Over::Left));
                }
            }
            match self.read_client(cx, CHUNK_BYTES) {
                Poll::Ready(Ok(count)) if count > 0 => {
                    self.used.bytes_in += count as u64;
                    Poll::Ready(Ok(()))
                }
                Poll::Ready(_) => Poll::Ready(Err(Over::Left)),
                Poll::Pending => {
                    self.client.watch(cx.waker());
                    Poll::Pending
                }
            }
        })
        .await;
        self.kept = kept;
        read
    }
}
