//! One request with the answer it must get, built side by side so that they cannot disagree.

use bytes::BytesMut;
use postgres_protocol::IsNull;
use postgres_protocol::message::frontend;

use super::judge::{Rows, Want};
use crate::wire::query;

/// What is done besides sending and reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// Nothing.
    #[default]
    Plain,
    /// The answer is read with pauses.
    Slowly,
    /// Until the answer is there, a cancel request is sent every so many milliseconds.
    Cancel(u64),
    /// The same with a wrong secret: it must do nothing to anybody.
    ForgedCancel(u64),
}

/// One request and what must come back.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// What is sent.
    pub bytes: BytesMut,
    /// What must come back.
    pub wants: Vec<Want>,
    /// How.
    pub manner: Manner,
}

/// Type of the token parameter.
const INT4: u32 = 23;

impl Exchange {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A simple query whose statements give this.
    pub fn query(mut self, sql: &str, wants: impl IntoIterator<Item = Want>) -> Self {
        self.bytes.extend_from_slice(&query(sql));
        self.wants.extend(wants);
        self
    }

    /// And the connection is then ready like this: after each simple query.
    pub fn ready(mut self, status: u8) -> Self {
        self.wants.push(Want::Ready(status));
        self
    }

    /// In this manner.
    pub fn in_manner(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }

    /// Parse, with one integer parameter.
    pub fn parse(self, name: &str, sql: &str) -> Self {
        self.parse_as(name, sql, Want::Parsed)
    }

    /// Parse that gives something else.
    pub fn parse_as(mut self, name: &str, sql: &str, want: Want) -> Self {
        // it only fails for a text with a zero byte in it, which ours have not
        let _ = frontend::parse(name, sql, [INT4], &mut self.bytes);
        self.wants.push(want);
        self
    }

    /// Bind of the one parameter.
    pub fn bind(self, portal: &str, statement: &str, token: u32) -> Self {
        self.bind_as(portal, statement, token, Want::Bound)
    }

    /// Bind that gives something else.
    pub fn bind_as(mut self, portal: &str, statement: &str, token: u32, want: Want) -> Self {
        let write = |token: u32, out: &mut BytesMut| {
            out.extend_from_slice(token.to_string().as_bytes());
            Ok(IsNull::No)
        };
        let _ = frontend::bind(portal, statement, [0], [token], write, [0], &mut self.bytes);
        self.wants.push(want);
        self
    }

    /// Describe of a portal.
    pub fn describe_portal(mut self, name: &str) -> Self {
        let _ = frontend::describe(b'P', name, &mut self.bytes);
        self.wants.push(Want::Columns);
        self
    }

    /// Describe of a statement.
    pub fn describe_statement(mut self, name: &str) -> Self {
        let _ = frontend::describe(b'S', name, &mut self.bytes);
        self.wants.extend([Want::Parameters, Want::Columns]);
        self
    }

    /// Execute to the end.
    pub fn execute(mut self, portal: &str, rows: Rows, tag: &'static str) -> Self {
        let _ = frontend::execute(portal, 0, &mut self.bytes);
        self.wants.extend([Want::Rows(rows), Want::Done(tag)]);
        self
    }

    /// Execute for fewer rows than there are.
    pub fn execute_some(mut self, portal: &str, rows: Rows) -> Self {
        let _ = frontend::execute(portal, i32::try_from(rows.count).unwrap_or(i32::MAX), &mut self.bytes);
        self.wants.extend([Want::Rows(rows), Want::Suspended]);
        self
    }

    /// Close of a statement.
    pub fn close_statement(mut self, name: &str) -> Self {
        let _ = frontend::close(b'S', name, &mut self.bytes);
        self.wants.push(Want::Closed);
        self
    }

    /// Flush.
    pub fn flush(mut self) -> Self {
        frontend::flush(&mut self.bytes);
        self
    }

    /// Sync, ready like this.
    pub fn sync(mut self, status: u8) -> Self {
        frontend::sync(&mut self.bytes);
        self.wants.push(Want::Ready(status));
        self
    }

    /// How many times the other side says that it is ready.
    pub fn answers(&self) -> usize {
        self.wants.iter().filter(|want| matches!(want, Want::Ready(_))).count()
    }

    /// This one and another sent together.
    pub fn and(mut self, other: Self) -> Self {
        self.bytes.extend_from_slice(&other.bytes);
        self.wants.extend(other.wants);
        self
    }
}
