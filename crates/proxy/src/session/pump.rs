//! What a client says, on its way to the server. Messages go on as they are, with three exceptions: names of prepared
//! statements become those of the server connection, a statement that is not there yet is prepared first, and
//! clean-up of a client's own statements is answered here.

use std::rc::Rc;
use std::time::Instant;

use tenantry_wire::backend::TransactionStatus;
use tenantry_wire::frontend::{self, TargetKind};
use tenantry_wire::tag::frontend as tag;

use super::Session;
use super::bound::{bound_setting, name_end, unnamed_text};
use crate::ablation::{Protection, removed};
use crate::client::Doing;
use crate::identify::naming::{self, Naming};
use crate::link::{Expect, Held, Kind, Link};
use crate::refusal::Refusal;
use crate::statements::{Statement, StatementKey};
use crate::text::{self, Opening};

/// Bytes waiting to be sent to a server before no more are taken from the client.
pub(super) const OUT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of the client that are sent before the change of context is known to have succeeded. They are kept, so that
/// they can be sent again on another connection.
const REPLAY_BYTES_MAX: usize = 64 * 1024;
/// As much of a statement's text as is looked at.
const LOOKED_AT_BYTES: usize = 2048;
/// Longest name of a statement or portal.
pub(super) const NAME_BYTES_MAX: usize = 1024;
/// Longest Parse message: it has to be kept whole.
const PARSE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Longest of the messages that hold a name or a reason and nothing else.
const SHORT_BYTES_MAX: usize = 16 * 1024;

/// Names of statements on server connections begin like this; clients cannot use them.
const OURS: &[u8] = b"tenantry_";

/// Whether a message goes on before all of it is there. Of the others, which are kept whole, none may be too long.
pub(super) fn streams_within_bounds(header: tenantry_wire::Header) -> Result<bool, Refusal> {
    match header.tag {
        tag::QUERY | tag::BIND | tag::COPY_DATA | tag::FUNCTION_CALL => Ok(true),
        tag::PARSE if header.len > PARSE_BYTES_MAX => {
            Err(Refusal::fatal("54000", "tenantry: the statement is too long"))
        }
        tag::PARSE => Ok(false),
        tag if header.len > SHORT_BYTES_MAX => {
            Err(Refusal::violation(format_args!("message `{}` is too long", char::from(tag))))
        }
        _ => Ok(false),
    }
}

impl Session {
    /// Takes as many messages of the client as can go on now.
    pub(super) fn pump(&mut self, link: &mut Link) -> Result<(), Refusal> {
        loop {
            // what has begun goes on: the server answers nothing before it has all of it
            if link.out.len() > OUT_BYTES_MAX || (self.passing == 0 && self.must_wait(link)) {
                return Ok(());
            }
            let available = &self.input.unread()[self.cursor..];
            if self.passing > 0 {
                let count = self.passing.min(available.len());
                link.out.push(&available[..count]);
                self.passing -= count;
                self.cursor += count;
                self.forget_sent();
                if self.passing > 0 {
                    return Ok(());
                }
                continue;
            }
            let Some(header) = frontend::header(available).map_err(Refusal::violation)? else { return Ok(()) };
            if self.entering && self.cursor + header.len > REPLAY_BYTES_MAX {
                // too much to keep and send twice: the context has to stand first, which the server says when asked
                frontend::write_flush(link.out.tail());
                self.alone = true;
                return Ok(());
            }
            let whole = available.len() >= header.len;
            let streams = streams_within_bounds(header)?;
            let looked_at = whole || (streams && available.len() >= LOOKED_AT_BYTES);
            if !looked_at {
                self.wanted = header.len;
                return Ok(());
            }
            self.wanted = 0;
            let goes_on = self.message(header.tag, header.len, link)?;
            if !goes_on {
                return Ok(());
            }
            self.forget_sent();
        }
    }

    /// What was sent goes out of memory, unless it may have to be sent again on another connection.
    fn forget_sent(&mut self) {
        if !self.entering {
            self.input.consume(self.cursor);
            self.cursor = 0;
        }
    }

    /// Whether the client's next message has to wait for an answer of the server.
    fn must_wait(&mut self, link: &Link) -> bool {
        if self.entering && self.alone {
            return true;
        }
        if link.is_stale() && !link.unsynced && !link.copy_in && !link.expect.is_empty() {
            // first the answers, then a new context, then the next statement
            return true;
        }
        if self.boundary {
            if !link.expect.is_empty() {
                return true;
            }
            self.boundary = false;
        }
        // the transaction is over: the next one may be another tenant's, or needs the context once more
        self.sent && link.is_idle() && (self.names_tenants() || link.held == Held::Unknown || link.is_stale())
    }

    /// One message, whole or (of large ones) its beginning. `false`: stop here.
    fn message(&mut self, tag: u8, length: usize, link: &mut Link) -> Result<bool, Refusal> {
        if link.skipping && tag != tag::SYNC && tag != tag::TERMINATE {
            // the server passes over it, so no answer is expected
            self.forward(length, link);
            return Ok(true);
        }
        link.skipping = false;
        if matches!(tag, tag::QUERY | tag::PARSE | tag::BIND) && link.can_be_renewed() {
            self.renew(tag == tag::QUERY, link)?;
        }
        match tag {
            tag::QUERY => return self.query(length, link),
            tag::PARSE => self.parse(length, link)?,
            tag::BIND => return self.bind(length, link),
            tag::DESCRIBE => self.describe(length, link)?,
            tag::CLOSE => self.close(length, link)?,
            tag::EXECUTE => {
                self.forward(length, link);
                let mut expect = Expect::client(Kind::Execute);
                (expect.harmless, expect.sets) = std::mem::take(&mut self.bound_setting);
                link.expect.push_back(expect);
                link.unsynced = true;
                self.at_work();
            }
            tag::SYNC => {
                self.forward(length, link);
                if !link.copy_in {
                    link.expect.push_back(Expect::client(Kind::Sync));
                }
                self.sent(link);
            }
            tag::FLUSH if link.expect.is_empty() && !link.unsynced => self.cursor += length,
            tag::FLUSH | tag::COPY_DATA => self.forward(length, link),
            tag::COPY_DONE | tag::COPY_FAIL => {
                self.forward(length, link);
                if link.copy_in {
                    link.copy_in = false;
                } else if !link.expect.is_empty() {
                    link.expect.push_back(Expect::client(Kind::CopyEnd));
                }
            }
            tag::FUNCTION_CALL => {
                self.forward(length, link);
                link.expect.push_back(Expect::client(Kind::Function));
                self.sent(link);
            }
            tag::TERMINATE => {
                self.terminated = true;
                return Ok(false);
            }
            _ => return Err(Refusal::violation(format_args!("message `{}` out of turn", char::from(tag)))),
        }
        Ok(true)
    }

    /// Sends the next message as it is; what has not come yet of a large one follows.
    fn forward(&mut self, length: usize, link: &mut Link) {
        let available = &self.input.unread()[self.cursor..];
        let count = length.min(available.len());
        link.out.push(&available[..count]);
        self.cursor += count;
        self.passing = length - count;
    }

    /// The server has something to do from now on.
    fn at_work(&self) {
        if self.client.doing.get() != Doing::Running {
            self.client.now_doing(Doing::Running, Instant::now());
        }
    }

    fn body(&self, length: usize) -> &[u8] {
        let available = &self.input.unread()[self.cursor..];
        &available[5..length.min(available.len())]
    }

    /// Something was sent that ends with ReadyForQuery.
    fn sent(&mut self, link: &mut Link) {
        self.at_work();
        self.sent = true;
        link.unsynced = false;
        // an error takes back what was entered in the same transaction: what follows must not be there yet
        self.boundary = self.names_tenants() || link.entered_inside;
    }

    fn query(&mut self, length: usize, link: &mut Link) -> Result<bool, Refusal> {
        let whole = self.input.unread().len() - self.cursor >= length;
        let body = self.body(length);
        let text = if whole { frontend::query(body).map_err(Refusal::violation)? } else { body };
        let opening = Opening::of(text);
        link.read_only |= text::begins_read_only(text);
        let deallocated = if opening == Opening::Deallocate { text::deallocated(text) } else { None };
        let naming =
            if self.names_tenants() { naming::of_query(text, &self.settings().presets) } else { Naming::Nobody };
        if self.entering && matches!(opening, Opening::DeallocateAll | Opening::Deallocate) {
            // it cannot be undone, should everything have to be sent again
            return Ok(false);
        }
        if !self.transparent {
            match opening {
                Opening::DeallocateAll => {
                    self.statements.clear();
                    self.answer_here(length, "DEALLOCATE ALL", link);
                    return Ok(true);
                }
                Opening::Deallocate if deallocated.is_some_and(|name| self.statements.remove(&*name).is_some()) => {
                    self.answer_here(length, "DEALLOCATE", link);
                    return Ok(true);
                }
                _ => {}
            }
        }
        self.name_within(naming, link, true)?;
        self.remember_setting(opening, length, link);
        self.forward(length, link);
        self.unnamed.clear();
        self.unnamed_here = false;
        self.sent(link);
        Ok(true)
    }

    /// Leaves behind what answer is expected to a simple query.
    fn remember_setting(&mut self, opening: Opening, length: usize, link: &mut Link) {
        let mut expect = Expect::client(Kind::Query);
        expect.harmless = matches!(opening, Opening::SetLocal | Opening::SetTransaction);
        if opening == Opening::Set && link.status == TransactionStatus::Idle {
            let available = &self.input.unread()[self.cursor..];
            let text = available.get(5..length.saturating_sub(1)).unwrap_or_default();
            expect.sets = text::setting(text);
        }
        link.expect.push_back(expect);
    }

    /// Answers a command here, when its turn comes.
    fn answer_here(&mut self, length: usize, command: &'static str, link: &mut Link) {
        self.cursor += length;
        link.answer(Expect::reply(command), &mut self.output);
        self.sent(link);
    }

    fn parse(&mut self, length: usize, link: &mut Link) -> Result<(), Refusal> {
        let message = &self.input.unread()[self.cursor..self.cursor + length];
        let parse = frontend::parse(&message[5..]).map_err(Refusal::violation)?;
        link.unsynced = true;
        link.read_only |= text::begins_read_only(parse.query);
        if parse.name.is_empty() || self.transparent || removed(Protection::Names) {
            if parse.name.is_empty() {
                self.unnamed.clear();
                self.unnamed.extend_from_slice(message);
                self.unnamed_here = true;
                self.unnamed_bound = false;
            }
            self.forward(length, link);
            link.expect.push_back(Expect::client(Kind::Parse));
            return Ok(());
        }
        if parse.name.len() > NAME_BYTES_MAX {
            return Err(Refusal::fatal("54000", "tenantry: the name of the statement is too long"));
        }
        let key = StatementKey {
            query: parse.query.into(),
            types: parse.types.into(),
            search_path: self.parameters.get("search_path").map(Into::into),
        };
        let name: Rc<[u8]> = parse.name.into();
        let statement = self.worker.statements.intern(key);
        self.cursor += length;
        if let Some(known) = self.statements.get(&*name).cloned() {
            self.refuse_twice(&name, &known, link);
            return Ok(());
        }
        if self.has(&statement, link) {
            let expect = Expect { client_name: Some(Rc::clone(&name)), ..Expect::client(Kind::OwnParse) };
            link.answer(expect, &mut self.output);
        } else {
            self.prepare(&statement, Some(&name), link);
        }
        self.know(&name, Some(statement));
        Ok(())
    }

    /// A name that the client has already cannot be given again. The server says so, and passes over the rest of the
    /// batch: the statement is prepared a second time under its name there.
    fn refuse_twice(&mut self, name: &Rc<[u8]>, known: &Rc<Statement>, link: &mut Link) {
        if !self.has(known, link) {
            self.prepare(known, None, link);
        }
        let server_name = known.server_name();
        if frontend::write_parse(link.out.tail(), server_name.as_bytes(), b"", &[0, 0]).is_ok() {
            link.expect.push_back(Expect { twice: Some(Rc::clone(name)), ..Expect::client(Kind::Parse) });
        }
    }

    /// Remembers or forgets a statement of the client; as long as messages may have to be sent again, also what was
    /// before.
    fn know(&mut self, name: &[u8], statement: Option<Rc<Statement>>) -> bool {
        let before = match statement {
            Some(statement) => self.statements.insert(name.into(), statement),
            None => self.statements.remove(name),
        };
        let was_known = before.is_some();
        if self.entering {
            self.before_entering.push((name.into(), before));
        }
        was_known
    }

    /// Whether a statement is prepared on the connection, or is about to be in this batch: what an earlier one
    /// prepares may be skipped because of an error there.
    fn has(&self, statement: &Rc<Statement>, link: &mut Link) -> bool {
        let prepares = |e: &Expect| e.statement.as_ref().is_some_and(|s| s.number == statement.number);
        link.prepared.touch(statement.number)
            || link.expect.iter().rev().take_while(|e| !e.ends_with_ready()).any(prepares)
    }

    /// Prepares a statement on the connection, and closes another if there are too many.
    /// `client_name`: the client asked for it, under this name.
    fn prepare(&mut self, statement: &Rc<Statement>, client_name: Option<&Rc<[u8]>>, link: &mut Link) {
        let evicted =
            if link.prepared.len() >= self.worker.settings().prepared_max { link.prepared.evict() } else { None };
        // its own name is closed too: it may still be taken there, by a statement we have stopped relying on or by SQL
        let own_name = (!removed(Protection::CloseFirst)).then_some(statement.number);
        for number in evicted.into_iter().chain(own_name) {
            let name = Statement::name_of(number);
            // a name of ours always fits
            if frontend::write_close(link.out.tail(), TargetKind::Statement, name.as_bytes()).is_ok() {
                link.expect.push_back(Expect::own(Kind::Close));
            }
        }
        let (name, key) = (statement.server_name(), &statement.key);
        // it came as a message of this form
        if frontend::write_parse(link.out.tail(), name.as_bytes(), &key.query, &key.types).is_ok() {
            let expect = Expect::parse(Rc::clone(statement), client_name.is_none());
            link.expect.push_back(Expect { client_name: client_name.cloned(), ..expect });
        }
    }

    fn bind(&mut self, length: usize, link: &mut Link) -> Result<bool, Refusal> {
        let body = self.body(length);
        let portal_end = name_end(body)?;
        let statement_end = portal_end + 1 + name_end(&body[portal_end + 1..])?;
        let name = &body[portal_end + 1..statement_end];
        let name_is_unnamed = name.is_empty();
        let known = if name_is_unnamed { None } else { self.statements.get(name).cloned() };
        if self.names_tenants() {
            let whole = self.input.unread().len() - self.cursor >= length;
            let text: &[u8] = match &known {
                Some(statement) => &statement.key.query,
                None if name_is_unnamed => unnamed_text(&self.unnamed),
                None => &[],
            };
            let naming = if whole { naming::of_bind(text, body, &self.settings().presets) } else { Naming::Nobody };
            self.name_within(naming, link, false)?;
        }
        let text: &[u8] = match &known {
            Some(statement) => &statement.key.query,
            None if name_is_unnamed => unnamed_text(&self.unnamed),
            None => &[],
        };
        self.bound_setting = bound_setting(text, link);
        let body = self.body(length);
        let name = &body[portal_end + 1..statement_end];
        link.unsynced = true;
        if name.is_empty() {
            self.unnamed_bound = true;
            self.ensure_unnamed(link);
            self.forward(length, link);
        } else if let Some(statement) = known {
            if !self.has(&statement, link) {
                self.prepare(&statement, None, link);
            }
            let server_name = statement.server_name();
            self.forward_renamed(length, portal_end + 1, statement_end, server_name.as_bytes(), link)?;
        } else if name.starts_with(OURS) && !self.transparent {
            self.forward_renamed(length, portal_end + 1, statement_end, b"?", link)?;
        } else {
            self.forward(length, link);
        }
        link.expect.push_back(Expect::client(Kind::Bind));
        Ok(true)
    }

    /// Sends the next message with other bytes in place of those from `from` to `to` of its body.
    fn forward_renamed(
        &mut self,
        length: usize,
        from: usize,
        to: usize,
        name: &[u8],
        link: &mut Link,
    ) -> Result<(), Refusal> {
        let available = &self.input.unread()[self.cursor..];
        let count = length.min(available.len());
        let new_length = length - 1 - (to - from) + name.len();
        let Ok(field) = i32::try_from(new_length) else {
            return Err(Refusal::fatal("54000", "tenantry: the message is too long"));
        };
        let out = &mut link.out;
        out.push(&available[..1]);
        out.push(&field.to_be_bytes());
        out.push(&available[5..5 + from]);
        out.push(name);
        out.push(&available[5 + to..count]);
        self.cursor += count;
        self.passing = length - count;
        Ok(())
    }

    /// The unnamed statement was parsed in an earlier transaction, maybe elsewhere: parse it here.
    fn ensure_unnamed(&mut self, link: &mut Link) {
        if !self.unnamed_here && !self.unnamed.is_empty() {
            link.out.push(&self.unnamed);
            link.expect.push_back(Expect::own(Kind::Parse));
            self.unnamed_here = true;
        }
    }

    fn describe(&mut self, length: usize, link: &mut Link) -> Result<(), Refusal> {
        let target = frontend::describe(self.body(length)).map_err(Refusal::violation)?;
        link.unsynced = true;
        let kind = match target.kind {
            TargetKind::Portal => Kind::DescribePortal,
            TargetKind::Statement => Kind::DescribeStatement,
        };
        if kind == Kind::DescribeStatement && target.name.is_empty() {
            self.ensure_unnamed(link);
        } else if kind == Kind::DescribeStatement && !self.transparent {
            let name: Box<[u8]> = target.name.into();
            if let Some(statement) = self.statements.get(&name).cloned() {
                if !self.has(&statement, link) {
                    self.prepare(&statement, None, link);
                }
                let server_name = statement.server_name();
                self.forward_renamed(length, 1, 1 + name.len(), server_name.as_bytes(), link)?;
                link.expect.push_back(Expect::client(kind));
                return Ok(());
            }
            if name.starts_with(OURS) {
                self.forward_renamed(length, 1, 1 + name.len(), b"?", link)?;
                link.expect.push_back(Expect::client(kind));
                return Ok(());
            }
        }
        self.forward(length, link);
        link.expect.push_back(Expect::client(kind));
        Ok(())
    }

    fn close(&mut self, length: usize, link: &mut Link) -> Result<(), Refusal> {
        let target = frontend::close(self.body(length)).map_err(Refusal::violation)?;
        link.unsynced = true;
        if target.kind == TargetKind::Statement && !self.transparent && !target.name.is_empty() {
            let name: Box<[u8]> = target.name.into();
            if self.know(&name, None) || name.starts_with(OURS) {
                self.cursor += length;
                link.answer(Expect::client(Kind::OwnClose), &mut self.output);
                return Ok(());
            }
        }
        self.forward(length, link);
        link.expect.push_back(Expect::client(Kind::Close));
        Ok(())
    }
}
