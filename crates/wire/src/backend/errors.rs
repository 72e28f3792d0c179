//! Errors and notices: a server's, read with patience, and our own, which can always be written.

use std::fmt;

use super::message;
use crate::error::{Message, WireError};
use crate::hidden::Hidden;
use crate::read::Reader;
use crate::tag::backend as tag;
use crate::write::Writer;

const ERROR: Message = Message::server("ErrorResponse");
const NOTICE: Message = Message::server("NoticeResponse");

/// Most bytes of one text of an error of ours; longer texts are cut.
pub const ERROR_TEXT_BYTES_MAX: usize = 8_192;

/// The fields of an error or notice. A server should send severity, code and message; where it does not, an error
/// without a code is `XX000`. Text that is not UTF-8 ends before its first foreign byte; the message passed on is the
/// server's own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ErrorFields<'a> {
    /// Severity in English where the server says it (since 9.6), otherwise in its language.
    pub severity: &'a str,
    /// The SQLSTATE.
    pub code: &'a str,
    /// The message.
    pub message: &'a str,
    /// More about it; may hold values of a row.
    pub detail: Option<&'a str>,
    /// What to do.
    pub hint: Option<&'a str>,
    /// Where in the query, in characters.
    pub position: Option<&'a str>,
    /// Where in the statement that a function ran.
    pub internal_position: Option<&'a str>,
    /// The statement that a function ran.
    pub internal_query: Option<&'a str>,
    /// The stack of functions.
    pub context: Option<&'a str>,
    /// The schema it is about.
    pub schema: Option<&'a str>,
    /// The table it is about.
    pub table: Option<&'a str>,
    /// The column it is about.
    pub column: Option<&'a str>,
    /// The data type it is about.
    pub data_type: Option<&'a str>,
    /// The constraint it is about.
    pub constraint: Option<&'a str>,
    /// The file of PostgreSQL's source.
    pub file: Option<&'a str>,
    /// The line of that file.
    pub line: Option<&'a str>,
    /// The routine there.
    pub routine: Option<&'a str>,
}

/// Texts may hold what a row holds: only severity and code are shown.
impl fmt::Debug for ErrorFields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorFields")
            .field("severity", &self.severity)
            .field("code", &self.code)
            .field("message", &Hidden(self.message.len()))
            .finish_non_exhaustive()
    }
}

/// Reads the fields of an ErrorResponse or NoticeResponse. Fields may be missing, unknown or stand twice, in which case
/// the first counts; only where they do not end is the message refused.
pub fn error_fields(body: &[u8]) -> Result<ErrorFields<'_>, WireError> {
    let mut reader = Reader::new(ERROR, body);
    let mut found = [None; 18];
    loop {
        let field = reader.u8("field")?;
        if field == 0 {
            break;
        }
        let text = reader.string("field")?;
        let slot = FIELDS.iter().zip(&mut found).find(|(known, _)| **known == field);
        if let Some((_, slot @ None)) = slot {
            *slot = Some(utf8_part(text));
        }
    }
    reader.end()?;
    let [
        localised,
        severity,
        code,
        text,
        detail,
        hint,
        position,
        internal_position,
        internal_query,
        context,
        rest @ ..,
    ] = found;
    let [schema, table, column, data_type, constraint, file, line, routine] = rest;
    Ok(ErrorFields {
        severity: severity.or(localised).unwrap_or("ERROR"),
        code: code.filter(|c| is_code(c)).unwrap_or("XX000"),
        message: text.unwrap_or_default(),
        detail,
        hint,
        position,
        internal_position,
        internal_query,
        context,
        schema,
        table,
        column,
        data_type,
        constraint,
        file,
        line,
        routine,
    })
}

/// In the order of what [`error_fields`] takes apart.
const FIELDS: [u8; 18] = *b"SVCMDHPpqWstcdnFLR";

fn is_code(code: &str) -> bool {
    code.len() == 5 && code.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
}

fn utf8_part(text: &[u8]) -> &str {
    text.utf8_chunks().next().map_or("", |chunk| chunk.valid())
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The statement failed; the session goes on.
    Error,
    /// The session ends.
    Fatal,
    /// A notice.
    Warning,
    /// A notice.
    Notice,
}

impl Severity {
    /// As the protocol spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Warning => "WARNING",
            Self::Notice => "NOTICE",
        }
    }
}

/// An error or notice of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorReply<'a> {
    /// How bad it is.
    pub severity: Severity,
    /// The SQLSTATE.
    pub code: &'a str,
    /// What went wrong.
    pub message: &'a str,
    /// More about it.
    pub detail: Option<&'a str>,
    /// What to do.
    pub hint: Option<&'a str>,
}

/// An ErrorResponse. It can always be written: texts end at a zero byte or at [`ERROR_TEXT_BYTES_MAX`].
pub fn write_error(out: &mut Vec<u8>, reply: &ErrorReply<'_>) {
    write_reply(out, tag::ERROR_RESPONSE, ERROR, reply);
}

/// A NoticeResponse, under the same conditions.
pub fn write_notice(out: &mut Vec<u8>, reply: &ErrorReply<'_>) {
    write_reply(out, tag::NOTICE_RESPONSE, NOTICE, reply);
}

fn write_reply(out: &mut Vec<u8>, tag: u8, what: Message, reply: &ErrorReply<'_>) {
    let written = message(out, tag, what, |w| {
        let severity = reply.severity.as_str();
        let code = if is_code(reply.code) { reply.code } else { "XX000" };
        for (field, text) in [(b'S', severity), (b'V', severity), (b'C', code), (b'M', reply.message)] {
            write_field(w, field, text)?;
        }
        for (field, text) in [(b'D', reply.detail), (b'H', reply.hint)] {
            text.map_or(Ok(()), |text| write_field(w, field, text))?;
        }
        w.u8(0);
        Ok(())
    });
    debug_assert_eq!(written, Ok(()), "texts are cut to what fits");
}

fn write_field(w: &mut Writer<'_>, field: u8, text: &str) -> Result<(), WireError> {
    let end = text.floor_char_boundary(ERROR_TEXT_BYTES_MAX);
    let text = text.get(..end).unwrap_or_default().split('\0').next().unwrap_or_default();
    w.u8(field);
    w.string(text.as_bytes(), "field")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(message: &str) -> ErrorReply<'_> {
        ErrorReply { severity: Severity::Error, code: "53400", message, detail: None, hint: Some("Wait a little.") }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut out = Vec::new();
        write_error(&mut out, &reply("too many connections"));
        let read = error_fields(&out[5..]).unwrap();
        assert_eq!((read.severity, read.code, read.message), ("ERROR", "53400", "too many connections"));
        assert_eq!((read.detail, read.hint), (None, Some("Wait a little.")));
        assert_eq!(format!("{read:?}"), r#"ErrorFields { severity: "ERROR", code: "53400", message: <20 bytes>, .. }"#);
    }

    #[test]
    fn every_text_can_be_written() {
        for (text, expected) in [
            ("a\0b".to_owned(), "a".to_owned()),
            ("\0".into(), String::new()),
            ("x".repeat(9_000), "x".repeat(8_192)),
            ("é".repeat(5_000), "é".repeat(4_096)),
            (format!("x{}", "é".repeat(5_000)), format!("x{}", "é".repeat(4_095))),
        ] {
            let mut out = Vec::new();
            write_notice(&mut out, &ErrorReply { severity: Severity::Notice, code: "?", ..reply(&text) });
            let read = error_fields(&out[5..]).unwrap();
            assert_eq!((read.severity, read.code, read.message), ("NOTICE", "XX000", &*expected));
        }
    }

    #[test]
    fn a_servers_errors_are_read_with_patience() {
        let nothing = error_fields(b"\0").unwrap();
        assert_eq!((nothing.severity, nothing.code, nothing.message), ("ERROR", "XX000", ""));
        let german = error_fields(b"SFEHLER\0C28P01\0Mnein\0\0").unwrap();
        assert_eq!((german.severity, german.code), ("FEHLER", "28P01"));
        let both = error_fields(b"SFEHLER\0VERROR\0C28\0M\xe9\0Mzwei\0?x\0\0").unwrap();
        assert_eq!((both.severity, both.code, both.message), ("ERROR", "XX000", ""));
        let all: Vec<u8> = FIELDS.iter().flat_map(|f| [*f, *f, 0]).chain([0]).collect();
        let all = error_fields(&all).unwrap();
        assert_eq!((all.severity, all.message, all.context, all.schema), ("V", "M", Some("W"), Some("s")));
        assert_eq!((all.table, all.column, all.data_type), (Some("t"), Some("c"), Some("d")));
        assert_eq!((all.constraint, all.file, all.line, all.routine), (Some("n"), Some("F"), Some("L"), Some("R")));
        for bad in [&b""[..], b"M", b"Mx", b"Mx\0", b"Mx\0\0\0"] {
            assert!(error_fields(bad).is_err());
        }
    }
}
