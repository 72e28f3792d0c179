//! Reading what a server says: held against what was asked, passed on to the client as it is.

use std::ops::Range;

use std::rc::Rc;

use tenantry_wire::backend::{self, TransactionStatus};
use tenantry_wire::tag::backend as tag;

use super::{Expect, Held, Kind, Link};
use crate::ablation::{Protection, removed};
use crate::buffer::Buffer;
use crate::refusal::Refusal;

/// An error text of a server is looked into as far as this.
const LOOKED_INTO_BYTES_MAX: usize = 64 * 1024;

/// The server said something that nobody asked for, or that is no message. The connection must be closed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Desync {
    /// No message.
    #[error("the server sent no message of the protocol")]
    Malformed(#[from] tenantry_wire::WireError),
    /// A message out of turn.
    #[error("the server sent message `{}` out of turn", char::from(*.0))]
    OutOfTurn(u8),
}

/// What was seen in some bytes of a server.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Bytes that were dealt with. What follows them is the beginning of a message and must be shown again.
    pub(crate) consumed: usize,
    /// The last run of bytes to pass on, not yet copied anywhere.
    pub(crate) run: Range<usize>,
    /// The change of context was accepted.
    pub(crate) context_entered: bool,
    /// The change of context was refused; nothing that followed it was executed.
    pub(crate) context_refused: Option<Box<str>>,
    /// Settings that a SET gave the session.
    pub(crate) sets: Vec<(Box<str>, Box<str>)>,
    /// Statements that the client prepared and that were passed over after an error.
    pub(crate) unparsed: Vec<Rc<[u8]>>,
    /// A setting the client is told of changed.
    pub(crate) parameters: Vec<(Box<str>, Box<str>)>,
    /// The server closes the connection after this.
    pub(crate) fatal: bool,
    /// ReadyForQuery came this often.
    pub(crate) ready: u32,
    /// Rows sent or changed.
    pub(crate) rows: u64,
    /// Errors.
    pub(crate) errors: u32,
    /// The client is to send copy data.
    pub(crate) copy_in: bool,
}

/// How a scan passes bytes on.
pub(crate) struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    run: usize,
    client: &'a mut Buffer,
    seen: Seen,
}

impl Scan<'_> {
    /// Ends the run of bytes to pass on before the message at hand.
    fn end_run(&mut self) {
        if self.run < self.at {
            self.client.push(&self.bytes[self.run..self.at]);
        }
        self.run = self.at;
    }

    /// Drops the message that ends here.
    fn drop_to(&mut self, end: usize) {
        self.end_run();
        self.at = end;
        self.run = end;
    }

    fn pass_to(&mut self, end: usize) {
        self.at = end;
    }
}

impl Link {
    /// Deals with bytes of the server. What the client shall have is appended to `client` but for the last run,
    /// which the caller may write without copying it.
    ///
    /// `session`: the client has this connection for itself, so notifications are its own.
    pub(crate) fn scan(&mut self, bytes: &[u8], client: &mut Buffer, session: bool) -> Result<Seen, Desync> {
        let mut scan = Scan { bytes, at: 0, run: 0, client, seen: Seen::default() };
        if self.passing.left > 0 {
            let count = self.passing.left.min(bytes.len());
            self.passing.left -= count;
            if self.passing.drop { scan.drop_to(count) } else { scan.pass_to(count) }
        }
        while let Some(header) = backend::header(&bytes[scan.at..])? {
            let end = scan.at + header.len;
            if end <= bytes.len() {
                let body = &bytes[scan.at + 5..end];
                self.message(header.tag, body, end, &mut scan, session)?;
                let refused = scan.seen.context_refused.is_some() && !self.inline_refusals;
                if refused && !removed(Protection::NothingAfterRefusal) {
                    // what follows answers nothing that was executed, and all of it is said again elsewhere
                    scan.drop_to(bytes.len());
                    break;
                }
            } else if matches!(header.tag, tag::DATA_ROW | tag::COPY_DATA) || header.len > LOOKED_INTO_BYTES_MAX {
                // large: pass on what has come
                self.large(header.tag, &mut scan)?;
                self.passing.left = end - bytes.len();
                if self.passing.drop {
                    scan.drop_to(bytes.len())
                } else {
                    scan.pass_to(bytes.len())
                }
                break;
            } else {
                break;
            }
        }
        scan.seen.consumed = scan.at;
        scan.seen.run = scan.run..scan.at;
        Ok(scan.seen)
    }

    /// A message of which only the beginning has come.
    fn large(&mut self, tag: u8, scan: &mut Scan<'_>) -> Result<(), Desync> {
        self.passing.drop = self.front_is_own();
        match tag {
            tag::DATA_ROW => scan.seen.rows += 1,
            tag::COPY_DATA | tag::ROW_DESCRIPTION | tag::PARAMETER_DESCRIPTION | tag::FUNCTION_CALL_RESPONSE => {}
            tag::NOTICE_RESPONSE => {}
            // its answer counts, so it has to be looked into
            _ => return Err(Desync::OutOfTurn(tag)),
        }
        if self.expect.is_empty() && tag != tag::NOTICE_RESPONSE {
            return Err(Desync::OutOfTurn(tag));
        }
        if let (tag::ROW_DESCRIPTION, Some(Kind::DescribeStatement | Kind::DescribePortal)) =
            (tag, self.expect.front().map(|e| e.kind))
        {
            self.pop(scan)
        }
        Ok(())
    }

    fn front_is_own(&self) -> bool {
        self.expect.front().is_some_and(|e| e.own)
    }

    fn message(&mut self, tag: u8, body: &[u8], end: usize, scan: &mut Scan<'_>, session: bool) -> Result<(), Desync> {
        let out_of_turn = Err(Desync::OutOfTurn(tag));
        let front = self.expect.front().map(|e| (e.kind, e.own));
        let own = front.is_some_and(|(_, own)| own);
        let deal = |scan: &mut Scan<'_>| if own { scan.drop_to(end) } else { scan.pass_to(end) };
        match tag {
            tag::DATA_ROW => {
                if !matches!(front, Some((Kind::Query | Kind::Execute, _))) {
                    return out_of_turn;
                }
                scan.seen.rows += u64::from(!own);
                deal(scan);
            }
            tag::COMMAND_COMPLETE => {
                let completed = self.expect.front().cloned();
                match front {
                    Some((Kind::Query, _)) => deal(scan),
                    Some((Kind::Execute, _)) => {
                        deal(scan);
                        let context = self.expect.front().is_some_and(|e| e.context);
                        scan.seen.context_entered |= context;
                        self.pop(scan);
                    }
                    _ => return out_of_turn,
                }
                if let Some(expect) = completed.filter(|e| !e.own) {
                    scan.seen.rows += self.completed(body, &expect, &mut scan.seen.sets);
                }
            }
            tag::READY_FOR_QUERY => {
                self.status = backend::ready_for_query(body)?;
                // a copy that failed leaves marks behind
                while self.expect.front().is_some_and(|e| e.kind == Kind::CopyEnd) {
                    self.expect.pop_front();
                }
                let Some(front) = self.expect.front().filter(|e| e.ends_with_ready()) else { return out_of_turn };
                if front.own {
                    scan.drop_to(end)
                } else {
                    scan.pass_to(end)
                }
                scan.seen.ready += u32::from(!front.own);
                self.copy_in = false;
                self.pop(scan);
            }
            tag::PARSE_COMPLETE => {
                let Some(Expect { kind: Kind::Parse, statement, .. }) = self.expect.front() else {
                    return out_of_turn;
                };
                if let Some(statement) = statement {
                    let number = statement.number;
                    self.prepared.insert(number, &self.held);
                }
                deal(scan);
                self.pop(scan);
            }
            tag::BIND_COMPLETE if matches!(front, Some((Kind::Bind, _))) => {
                deal(scan);
                self.pop(scan);
            }
            tag::CLOSE_COMPLETE if matches!(front, Some((Kind::Close, _))) => {
                deal(scan);
                self.pop(scan);
            }
            tag::PARAMETER_DESCRIPTION if matches!(front, Some((Kind::DescribeStatement, _))) => deal(scan),
            tag::ROW_DESCRIPTION | tag::NO_DATA => match front {
                Some((Kind::DescribeStatement | Kind::DescribePortal, _)) => {
                    deal(scan);
                    self.pop(scan);
                }
                Some((Kind::Query, _)) => deal(scan),
                _ => return out_of_turn,
            },
            tag::PORTAL_SUSPENDED if matches!(front, Some((Kind::Execute, _))) => {
                deal(scan);
                self.pop(scan);
            }
            tag::EMPTY_QUERY => match front {
                Some((Kind::Query, _)) => deal(scan),
                Some((Kind::Execute, _)) => {
                    deal(scan);
                    self.pop(scan);
                }
                _ => return out_of_turn,
            },
            tag::COPY_IN if matches!(front, Some((Kind::Query | Kind::Execute, false))) => {
                self.copy_begins();
                scan.seen.copy_in = true;
                deal(scan);
            }
            tag::COPY_OUT | tag::COPY_DATA | tag::COPY_DONE
                if matches!(front, Some((Kind::Query | Kind::Execute, _))) =>
            {
                deal(scan);
            }
            tag::FUNCTION_CALL_RESPONSE if matches!(front, Some((Kind::Function, _))) => deal(scan),
            tag::ERROR_RESPONSE => self.error(body, end, scan)?,
            tag::NOTICE_RESPONSE => {
                // between two clients nobody is to hear it
                if own || front.is_none() { scan.drop_to(end) } else { scan.pass_to(end) }
            }
            tag::NOTIFICATION => {
                if session {
                    scan.pass_to(end)
                } else {
                    scan.drop_to(end)
                }
            }
            tag::PARAMETER_STATUS => {
                let (name, value) = backend::parameter_status(body)?;
                if name == "in_hot_standby" && self.standby != (value == "on") {
                    self.doom("the server was promoted");
                }
                // a rollback of the change of context brings the former user's settings back for a moment
                let anothers = self.entered_inside && self.rolled_back && !removed(Protection::OwnSettings);
                if own || anothers || front.is_none() {
                    scan.drop_to(end);
                } else {
                    scan.seen.parameters.push((name.into(), value.into()));
                    scan.pass_to(end);
                }
            }
            _ => return out_of_turn,
        }
        Ok(())
    }

    /// Takes the front answer away, and gives the answers that are ours to give and now have their turn.
    fn pop(&mut self, scan: &mut Scan<'_>) {
        self.expect.pop_front();
        self.give_own(scan);
    }

    fn give_own(&mut self, scan: &mut Scan<'_>) {
        while let Some(front) = self.expect.front().filter(|e| e.is_ours_to_give()) {
            scan.end_run();
            front.give(self.status, scan.client.tail());
            self.expect.pop_front();
        }
    }

    /// The server begins to take copy data. It passes over every Sync up to the end of the data, so these will not
    /// be answered.
    fn copy_begins(&mut self) {
        let end = self.expect.iter().position(|e| e.kind == Kind::CopyEnd);
        self.copy_in = end.is_none();
        let passed_over = end.map_or(self.expect.len(), |end| end + 1);
        let mut index = 0;
        self.expect.retain(|e| {
            index += 1;
            index == 1 || index > passed_over || !matches!(e.kind, Kind::Sync | Kind::CopyEnd)
        });
    }

    fn error(&mut self, body: &[u8], end: usize, scan: &mut Scan<'_>) -> Result<(), Desync> {
        let fields = backend::error_fields(body)?;
        let fatal = matches!(fields.severity, "FATAL" | "PANIC");
        scan.seen.fatal |= fatal;
        self.copy_in = false;
        self.rolled_back = true;
        let Some(front) = self.expect.front() else {
            // out of the blue: the server says why it closes the connection
            scan.drop_to(end);
            self.doom("the server closed it");
            return if fatal { Ok(()) } else { Err(Desync::OutOfTurn(tag::ERROR_RESPONSE)) };
        };
        if front.context {
            scan.seen.context_refused = Some(format!("{} ({})", fields.message, fields.code).into());
            self.held = Held::Unknown;
        }
        let inside = front.context && self.inline_refusals;
        let before_query = inside && self.expect.iter().find(|e| e.ends_with_ready()).is_some_and(|e| e.own);
        if inside && before_query {
            scan.drop_to(end);
            self.refused_inside = Some(fields.message.into());
        } else if inside {
            scan.drop_to(end);
            Refusal::context(fields.message).write(scan.client.tail());
        } else if let Some(reason) = self.refused_inside.take().filter(|_| !front.own) {
            scan.seen.errors += 1;
            scan.drop_to(end);
            Refusal::context(&reason).write(scan.client.tail());
        } else if front.context {
            scan.drop_to(end);
        } else if let Some(name) = &front.twice {
            scan.drop_to(end);
            scan.seen.errors += 1;
            Refusal::name_taken(name).write(scan.client.tail());
        } else if self.over_time && fields.code == "57014" {
            scan.drop_to(end);
            scan.seen.errors += 1;
            Refusal::over_time().write(scan.client.tail());
        } else {
            // also of what we prepare on behalf of the client: its own messages behind it will not be answered
            scan.seen.errors += 1;
            scan.pass_to(end);
        }
        if fields.code == "42501" && fields.message.starts_with("tenantry:") && matches!(self.held, Held::Tenant(..)) {
            // a client of this tenant may have thrown the context away: the next transaction enters it anew
            self.unsure();
        }
        match fields.code {
            // "cached plan must not change result type", "prepared statement does not exist"
            "0A000" | "26000" => self.forget_statement(),
            _ => {}
        }
        if !front_ends(self.expect.front()) {
            // an error in the extended protocol: the server passes over everything up to Sync
            while self.expect.front().is_some_and(|e| e.kind != Kind::Sync) {
                let passed_over = self.expect.pop_front();
                scan.seen.unparsed.extend(passed_over.and_then(|e| e.client_name));
            }
            self.skipping = self.expect.is_empty();
        }
        Ok(())
    }

    /// The plan of a statement is no good any more: whatever is prepared here is prepared again when it is used next.
    fn forget_statement(&mut self) {
        self.dirty = true;
        self.prepared.doubt();
    }

    /// Looks at what was done. Gives the number of rows an INSERT, UPDATE, DELETE, MERGE or COPY changed.
    fn completed(&mut self, body: &[u8], expect: &Expect, sets: &mut Vec<(Box<str>, Box<str>)>) -> u64 {
        let Ok(command) = backend::command_complete(body) else { return 0 };
        let verb = command.split(' ').next().unwrap_or_default();
        match verb {
            "ROLLBACK" => {
                self.rolled_back = true;
                0
            }
            "SELECT" | "BEGIN" | "COMMIT" | "FETCH" | "START" | "SAVEPOINT" | "RELEASE" | "SHOW" | "EXPLAIN" => 0,
            "RESET" => {
                self.dirty = true;
                self.was_reset = true;
                0
            }
            "SET" if expect.harmless => 0,
            "SET" => {
                match &expect.sets {
                    Some(set) => sets.push(set.clone()),
                    None => self.dirty = true,
                }
                0
            }
            "DECLARE" => {
                self.dirty = true;
                // outside a transaction only a cursor WITH HOLD can be declared
                self.held_cursors += u32::from(self.status == TransactionStatus::Idle);
                0
            }
            "CLOSE" => {
                let all = command == "CLOSE CURSOR ALL";
                self.held_cursors = if all { 0 } else { self.held_cursors.saturating_sub(1) };
                0
            }
            "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "COPY" => {
                command.rsplit(' ').next().and_then(|rows| rows.parse().ok()).unwrap_or(0)
            }
            "DISCARD" => {
                // the binding of the session may be gone
                self.prepared.doubt();
                if self.session_no.is_some() {
                    self.doom("a client discarded its state");
                }
                0
            }
            "DEALLOCATE" => {
                self.prepared.doubt();
                self.dirty = true;
                0
            }
            "LOAD" | "ALTER" if command == "LOAD" || command == "ALTER ROLE" => {
                self.doom("a client changed what later connections start with");
                0
            }
            _ => {
                // DO and CALL may have changed what our names mean
                self.prepared.doubt();
                self.dirty = true;
                0
            }
        }
    }

    /// Forgets what the connection holds, so that the next user enters anew.
    pub(crate) fn unsure(&mut self) {
        self.held = Held::Unknown;
        self.dirty = true;
    }
}

fn front_ends(front: Option<&Expect>) -> bool {
    front.is_some_and(Expect::ends_with_ready)
}
