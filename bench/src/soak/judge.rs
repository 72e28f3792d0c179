//! Whether the answer to one exchange is right: every message in its place, every row the tenant's own. Pure: it is
//! shown the messages and knows nothing of sockets, so that its tests can show it every kind of lie.

use crate::wire::{Frame, ServerError, WireError};

/// What must come next in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// ParseComplete.
    Parsed,
    /// BindComplete.
    Bound,
    /// CloseComplete.
    Closed,
    /// ParameterDescription.
    Parameters,
    /// RowDescription.
    Columns,
    /// Exactly these rows.
    Rows(Rows),
    /// One row with one column of this text.
    Value(String),
    /// PortalSuspended.
    Suspended,
    /// CommandComplete whose tag begins like this.
    Done(&'static str),
    /// A whole COPY to us with exactly these rows, CommandComplete left out.
    CopyOut(Rows),
    /// EmptyQueryResponse.
    Empty,
    /// An error of this code; what was wanted after it, up to ReadyForQuery, then never comes.
    Error(&'static str),
    /// ReadyForQuery with this status.
    Ready(u8),
}

/// Rows of a tenant: canary, token, text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// The tenant whose rows they must be.
    pub tenant: u32,
    /// What this very exchange asked to have in each row: the answer is not somebody else's.
    pub token: u32,
    /// How many.
    pub count: u32,
    /// Length of the text if it is filler; `None` if it is a note.
    pub filler: Option<usize>,
}

/// What is wrong with an answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The worst: a row of another tenant.
    #[error("a row of tenant {found} for tenant {tenant}")]
    ForeignRow {
        /// Whose it should be.
        tenant: u32,
        /// Whose it is.
        found: String,
    },
    /// The row is the tenant's, but not what was asked for.
    #[error("a wrong row: {0}")]
    WrongRow(String),
    /// Too few or too many rows.
    #[error("{found} rows, not {wanted}")]
    WrongCount {
        /// How many should have come.
        wanted: u32,
        /// How many came.
        found: u32,
    },
    /// A message that has no place there.
    #[error("`{got}` where {wanted} should come")]
    Order {
        /// What should have come.
        wanted: String,
        /// The letter of what came.
        got: char,
    },
    /// The transaction's state is not what it should be.
    #[error("ready with status `{got}`, not `{wanted}`")]
    Status {
        /// The one that should be.
        wanted: char,
        /// The one that is.
        got: char,
    },
    /// A parameter is not what this client set.
    #[error("parameter {name} is {got:?}, not {wanted:?}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// What it should be.
        wanted: String,
        /// What it is.
        got: String,
    },
    /// An error that was not asked for.
    #[error("{0}")]
    Refused(ServerError),
    /// Nothing came for too long.
    #[error("no answer within {0} s")]
    Silent(u64),
    /// The connection is of no more use.
    #[error("{0}")]
    Wire(#[from] WireError),
}

/// Whether more is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Yes.
    More,
    /// No: every wish was met.
    All,
}

/// Judges the answer to one exchange.
#[derive(Debug)]
pub struct Judge<'a> {
    wants: &'a [Want],
    at: usize,
    /// Rows seen of the wish at hand.
    rows: u32,
    /// An error that may come at any point.
    tolerated: Option<&'static str>,
    tolerance_used: bool,
}

impl<'a> Judge<'a> {
    /// Of an answer that must be this. `tolerated` is the code of an error that may come at any point.
    pub fn new(wants: &'a [Want], tolerated: Option<&'static str>) -> Self {
        Self { wants, at: 0, rows: 0, tolerated, tolerance_used: false }
    }

    /// Whether the tolerated error came.
    pub fn tolerance_used(&self) -> bool {
        self.tolerance_used
    }

    /// Hears the next message.
    pub fn hear(&mut self, frame: &Frame) -> Result<Heard, Fault> {
        match frame.tag {
            // may come at any time; whether a parameter is right is asked after the exchange
            b'N' | b'S' => return Ok(Heard::More),
            b'E' => self.error(frame.error())?,
            _ => self.message(frame)?,
        }
        Ok(if self.at == self.wants.len() { Heard::All } else { Heard::More })
    }

    fn error(&mut self, error: ServerError) -> Result<(), Fault> {
        let wanted = matches!(self.wants.get(self.at), Some(Want::Error(code)) if error.code == *code);
        let tolerated = self.tolerated.is_some_and(|code| error.code == code);
        // nothing comes after a fatal one, so it is never what was wished for
        if error.severity != "ERROR" || !(wanted || tolerated) {
            return Err(Fault::Refused(error));
        }
        self.tolerance_used |= !wanted;
        while self.wants.get(self.at).is_some_and(|w| !matches!(w, Want::Ready(_))) {
            self.at += 1;
        }
        self.rows = 0;
        Ok(())
    }

    fn message(&mut self, frame: &Frame) -> Result<(), Fault> {
        let Some(want) = self.wants.get(self.at) else {
            return Err(Fault::Order { wanted: "nothing".into(), got: frame.tag.into() });
        };
        match (want, frame.tag) {
            (Want::Parsed, b'1')
            | (Want::Bound, b'2')
            | (Want::Closed, b'3')
            | (Want::Parameters, b't')
            | (Want::Columns, b'T')
            | (Want::Suspended, b's')
            | (Want::Empty, b'I') => self.at += 1,
            (Want::Rows(rows), b'D') => {
                rows.check(&frame.columns()?)?;
                self.rows += 1;
            }
            (Want::Rows(rows), _) => {
                rows.all(self.rows)?;
                self.next();
                return self.message(frame);
            }
            (Want::Value(wanted), b'D') => {
                let columns = frame.columns()?;
                let [Some(got)] = &*columns else { return Err(Fault::WrongRow("not one value".into())) };
                if got != wanted.as_bytes() {
                    return Err(Fault::WrongRow(format!("{:?}, not {wanted:?}", String::from_utf8_lossy(got))));
                }
                self.at += 1;
            }
            (Want::Done(tag), b'C') if frame.text().starts_with(tag) => self.at += 1,
            (Want::CopyOut(_), b'H') => {}
            (Want::CopyOut(rows), b'd') => {
                let line = frame.body.strip_suffix(b"\n").unwrap_or(&frame.body);
                let columns: Vec<_> = line.split(|b| *b == b'\t').map(|c| Some(frame.body.slice_ref(c))).collect();
                rows.check(&columns)?;
                self.rows += 1;
            }
            (Want::CopyOut(rows), b'c') => {
                rows.all(self.rows)?;
                self.next();
            }
            (Want::Ready(status), b'Z') if *status == frame.status() => self.at += 1,
            (Want::Ready(status), b'Z') => {
                return Err(Fault::Status { wanted: (*status).into(), got: frame.status().into() });
            }
            (want, got) => return Err(Fault::Order { wanted: format!("{want:?}"), got: got.into() }),
        }
        Ok(())
    }

    fn next(&mut self) {
        self.at += 1;
        self.rows = 0;
    }
}

impl Rows {
    fn check(&self, columns: &[Option<bytes::Bytes>]) -> Result<(), Fault> {
        let [Some(canary), Some(token), Some(text)] = columns else {
            return Err(Fault::WrongRow(format!("{} columns, or NULL in one", columns.len())));
        };
        if canary != self.tenant.to_string().as_bytes() {
            let found = String::from_utf8_lossy(canary).into_owned();
            return Err(Fault::ForeignRow { tenant: self.tenant, found });
        }
        if token != self.token.to_string().as_bytes() {
            return Err(Fault::WrongRow("it answers another question".into()));
        }
        let right = match self.filler {
            Some(length) => text.len() == length && text.iter().all(|b| *b == b'x'),
            None => text.ends_with(format!(" of tenant {}", self.tenant).as_bytes()),
        };
        if right { Ok(()) } else { Err(Fault::WrongRow(format!("a damaged text of {} bytes", text.len()))) }
    }

    fn all(&self, found: u32) -> Result<(), Fault> {
        if found == self.count { Ok(()) } else { Err(Fault::WrongCount { wanted: self.count, found }) }
    }
}
