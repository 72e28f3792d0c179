//! Statements and what is done with them. Nothing is copied: what is read borrows from the buffer.

use std::fmt;

use crate::error::{Message, WireError};
use crate::hidden::Hidden;
use crate::read::Reader;
use crate::values::{Formats, Values};

pub(super) const QUERY: Message = Message::client("Query");
pub(super) const PARSE: Message = Message::client("Parse");
pub(super) const BIND: Message = Message::client("Bind");
pub(super) const EXECUTE: Message = Message::client("Execute");
pub(super) const DESCRIBE: Message = Message::client("Describe");
pub(super) const CLOSE: Message = Message::client("Close");
pub(super) const COPY_FAIL: Message = Message::client("CopyFail");
const FUNCTION_CALL: Message = Message::client("FunctionCall");

/// Reads a Query: its text without the zero byte at the end, the only one there may be.
#[inline]
pub fn query(body: &[u8]) -> Result<&[u8], WireError> {
    let mut reader = Reader::new(QUERY, body);
    let text = reader.string("text")?;
    reader.end()?;
    Ok(text)
}

/// A statement to prepare.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Parse<'a> {
    /// The name it shall have; empty for the unnamed one.
    pub name: &'a [u8],
    /// Its text.
    pub query: &'a [u8],
    /// The types of its parameters as they stand in the message: a count of two bytes and four bytes each.
    pub types: &'a [u8],
}

impl fmt::Debug for Parse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, query, types) = (self.name.escape_ascii().to_string(), Hidden(self.query.len()), self.types);
        f.debug_struct("Parse").field("name", &name).field("query", &query).field("types", &types).finish()
    }
}

/// Reads a Parse.
#[inline]
pub fn parse(body: &[u8]) -> Result<Parse<'_>, WireError> {
    let mut reader = Reader::new(PARSE, body);
    let name = reader.string("statement name")?;
    let query = reader.string("query")?;
    let types = reader.rest();
    check_types(&mut reader)?;
    reader.end()?;
    Ok(Parse { name, query, types })
}

/// A count, and four bytes for each type.
pub(super) fn check_types(reader: &mut Reader<'_>) -> Result<(), WireError> {
    let count = usize::from(reader.u16("parameter types")?);
    // 65535 times 4 fits every usize
    reader.bytes(count.saturating_mul(4), "parameter types").map(drop)
}

/// Values bound to a statement, read as far as a pool needs: which portal of which statement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bind<'a> {
    /// The portal to make; empty for the unnamed one.
    pub portal: &'a [u8],
    /// The statement to make it of.
    pub statement: &'a [u8],
    /// Everything behind the statement's name, unread.
    pub rest: &'a [u8],
}

impl fmt::Debug for Bind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bind")
            .field("portal", &self.portal.escape_ascii().to_string())
            .field("statement", &self.statement.escape_ascii().to_string())
            .field("rest", &Hidden(self.rest.len()))
            .finish()
    }
}

/// Reads the names of a Bind and leaves the rest to the server. It cannot reach beyond its message, whatever it says.
#[inline]
pub fn bind(body: &[u8]) -> Result<Bind<'_>, WireError> {
    bind_names(body).map(|(bind, _)| bind)
}

/// A Bind read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindChecked<'a> {
    /// Its names.
    pub bind: Bind<'a>,
    /// The formats of the values: none, one for all, or one for each.
    pub formats: Formats<'a>,
    /// The values.
    pub values: Values<'a>,
    /// The formats of the result's columns, in the same three ways.
    pub results: Formats<'a>,
}

/// Reads a Bind whole: counts, lengths, and nothing behind them.
pub fn bind_checked(body: &[u8]) -> Result<BindChecked<'_>, WireError> {
    let (bind, mut reader) = bind_names(body)?;
    let formats = Formats::read(&mut reader, "parameter formats")?;
    let values = Values::read(&mut reader, "parameters")?;
    let results = Formats::read(&mut reader, "result formats")?;
    reader.end()?;
    if formats.len() > 1 && formats.len() != values.len() {
        return Err(WireError::TooMany { message: BIND, field: "parameter formats", most: values.len().max(1) });
    }
    Ok(BindChecked { bind, formats, values, results })
}

fn bind_names(body: &[u8]) -> Result<(Bind<'_>, Reader<'_>), WireError> {
    let mut reader = Reader::new(BIND, body);
    let portal = reader.string("portal name")?;
    let statement = reader.string("statement name")?;
    Ok((Bind { portal, statement, rest: reader.rest() }, reader))
}

/// Which of the two things with names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A prepared statement.
    Statement,
    /// A portal.
    Portal,
}

impl TargetKind {
    pub(super) const fn letter(self) -> u8 {
        match self {
            Self::Statement => b'S',
            Self::Portal => b'P',
        }
    }
}

/// What is to be described or closed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// Statement or portal.
    pub kind: TargetKind,
    /// Its name.
    pub name: &'a [u8],
}

impl fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.escape_ascii().to_string();
        f.debug_struct("Target").field("kind", &self.kind).field("name", &name).finish()
    }
}

/// Reads a Describe.
#[inline]
pub fn describe(body: &[u8]) -> Result<Target<'_>, WireError> {
    target(DESCRIBE, body)
}

/// Reads a Close.
#[inline]
pub fn close(body: &[u8]) -> Result<Target<'_>, WireError> {
    target(CLOSE, body)
}

fn target(message: Message, body: &[u8]) -> Result<Target<'_>, WireError> {
    let mut reader = Reader::new(message, body);
    let kind = match reader.u8("kind")? {
        b'S' => TargetKind::Statement,
        b'P' => TargetKind::Portal,
        other => return Err(WireError::Value { message, field: "kind", value: other.into() }),
    };
    let name = reader.string("name")?;
    reader.end()?;
    Ok(Target { kind, name })
}

/// A portal to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Execute<'a> {
    /// Its name.
    pub portal: &'a [u8],
    /// Most rows to return now; none or a negative number: all.
    pub max_rows: i32,
}

impl fmt::Debug for Execute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let portal = self.portal.escape_ascii().to_string();
        f.debug_struct("Execute").field("portal", &portal).field("max_rows", &self.max_rows).finish()
    }
}

/// Reads an Execute.
#[inline]
pub fn execute(body: &[u8]) -> Result<Execute<'_>, WireError> {
    let mut reader = Reader::new(EXECUTE, body);
    let portal = reader.string("portal name")?;
    let max_rows = reader.i32("most rows")?;
    reader.end()?;
    Ok(Execute { portal, max_rows })
}

/// Reads a CopyFail: why the client gives up.
pub fn copy_fail(body: &[u8]) -> Result<&[u8], WireError> {
    let mut reader = Reader::new(COPY_FAIL, body);
    let reason = reader.string("reason")?;
    reader.end()?;
    Ok(reason)
}

/// Checks a FunctionCall. It names its function by number, so there is nothing in it that a proxy could act on.
pub fn function_call(body: &[u8]) -> Result<(), WireError> {
    let mut reader = Reader::new(FUNCTION_CALL, body);
    reader.u32("function")?;
    Formats::read(&mut reader, "argument formats")?;
    Values::read(&mut reader, "arguments")?;
    reader.i16("result format")?;
    reader.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_ends_in_its_only_zero_byte() {
        assert_eq!(query(b"select 1\0"), Ok(&b"select 1"[..]));
        assert_eq!(query(b"\0"), Ok(&b""[..]));
        assert!(matches!(query(b""), Err(WireError::NotTerminated { .. })));
        assert!(matches!(query(b"select 1"), Err(WireError::NotTerminated { .. })));
        assert!(matches!(query(b"select 1\0; set x\0"), Err(WireError::Trailing { bytes: 8, .. })));
    }

    #[test]
    fn the_types_of_a_statement_are_as_many_as_it_says() {
        let read = parse(b"s1\0select $1\0\0\x01\0\0\0\x17").unwrap();
        assert_eq!(read, Parse { name: b"s1", query: b"select $1", types: b"\0\x01\0\0\0\x17" });
        assert!(!format!("{read:?}").contains("select"));
        for bad in [
            &b"s1\0q\0"[..],
            b"s1\0q\0\0",
            b"s1\0q\0\0\x02\0\0\0\x17",
            b"s1\0q\0\0\0\x17",
            b"s1\0q\0\xff\xff\0\0",
            b"s1",
        ] {
            assert!(parse(bad).is_err());
        }
    }

    #[test]
    fn a_bind_is_read_in_two_depths() {
        let body = b"p\0s\0\0\x01\0\x01\0\x03\0\0\0\x02hi\xff\xff\xff\xff\0\0\0\0\0\x01\0\x01";
        let names = bind(body).unwrap();
        assert_eq!((names.portal, names.statement, names.rest.len()), (&b"p"[..], &b"s"[..], body.len() - 4));
        let read = bind_checked(body).unwrap();
        assert_eq!(read.bind, names);
        assert_eq!(read.formats.iter().collect::<Vec<_>>(), [1]);
        assert_eq!(read.values.iter().collect::<Vec<_>>(), [Some(&b"hi"[..]), None, Some(&b""[..])]);
        assert_eq!(read.results.iter().collect::<Vec<_>>(), [1]);
        assert!(!format!("{read:?}").contains("hi"));
        for len in 4..body.len() {
            assert!(bind(&body[..len]).is_ok(), "{len}");
            assert!(bind_checked(&body[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn lengths_in_a_bind_stay_inside_it() {
        for bad in [
            &b"\0\0\0\0\0\x01\x7f\xff\xff\xff\0\0"[..], // a value of 2 GiB
            b"\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0",      // of -2 bytes
            b"\0\0\0\0\0\x01\x80\0\0\0\0\0",
            b"\0\0\0\0\xff\xff\xff\xff\xff\xff\0\0", // 65535 values
            b"\0\0\0\x02\0\0\0\0\0\0\0\0",           // two formats for no value
            b"\0\0\0\0\0\0\0\0x",
        ] {
            assert!(bind_checked(bad).is_err());
        }
        assert!(bind_checked(b"\0\0\0\x01\0\0\0\0\0\0").is_ok(), "one format for no value");
    }

    #[test]
    fn targets_are_statements_or_portals() {
        assert_eq!(describe(b"Sx\0"), Ok(Target { kind: TargetKind::Statement, name: b"x" }));
        assert_eq!(close(b"P\0"), Ok(Target { kind: TargetKind::Portal, name: b"" }));
        let refused = close(b"Xx\0").unwrap_err();
        assert_eq!(refused.to_string(), "the kind of Close is 88, which means nothing there");
        for bad in [&b""[..], b"S", b"Sx", b"Sx\0y"] {
            assert!(describe(bad).is_err());
        }
    }

    #[test]
    fn an_execute_has_a_limit() {
        assert_eq!(execute(b"p\0\0\0\0\x0a"), Ok(Execute { portal: b"p", max_rows: 10 }));
        assert_eq!(execute(b"\0\xff\xff\xff\xff"), Ok(Execute { portal: b"", max_rows: -1 }));
        for bad in [&b""[..], b"p\0\0\0\0", b"p\0\0\0\0\x0a\0"] {
            assert!(execute(bad).is_err());
        }
    }

    #[test]
    fn a_function_call_is_checked_like_a_bind() {
        assert_eq!(function_call(b"\0\0\0\x01\0\0\0\x01\0\0\0\x01x\0\x01"), Ok(()));
        assert!(function_call(b"\0\0\0\x01\0\0\0\x01\0\0\0\x09x\0\x01").is_err());
        assert!(function_call(b"\0\0\0\x01\0\0\0\0").is_err());
    }
}
