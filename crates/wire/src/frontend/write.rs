//! Writing what a client says. Each function appends one message to `out`, or refuses and leaves `out` as it was.

use super::startup::{CANCEL_CODE, GSS_CODE, SSL_CODE, START, STARTUP_BYTES_MAX, secret_fits};
use super::statement::{BIND, CLOSE, COPY_FAIL, DESCRIBE, EXECUTE, PARSE, QUERY, TargetKind, check_types};
use super::{ProtocolVersion, bytes_max};
use crate::error::{Message, WireError};
use crate::frame::MESSAGE_BYTES_MAX;
use crate::read::Reader;
use crate::tag::frontend as tag;
use crate::write::{self, Writer, bare, packet};

const CANCEL: Message = Message::client("CancelRequest");
const PASSWORD: Message = Message::client("PasswordMessage");
const SASL_INITIAL: Message = Message::client("SASLInitialResponse");
const SASL: Message = Message::client("SASLResponse");
const COPY_DATA: Message = Message::client("CopyData");

/// A StartupMessage.
pub fn write_startup<N: AsRef<str>, V: AsRef<str>>(
    out: &mut Vec<u8>,
    version: ProtocolVersion,
    parameters: &[(N, V)],
) -> Result<(), WireError> {
    packet(out, START, STARTUP_BYTES_MAX.saturating_add(4), |w| {
        w.bytes(&version.major.to_be_bytes());
        w.bytes(&version.minor.to_be_bytes());
        for (name, value) in parameters {
            let name = name.as_ref();
            if name.is_empty() {
                return Err(WireError::Empty { message: START, field: "parameter name" });
            }
            w.string(name.as_bytes(), "parameter name")?;
            w.string(value.as_ref().as_bytes(), "parameter value")?;
        }
        w.u8(0);
        Ok(())
    })
}

/// An SSLRequest.
pub fn write_ssl_request(out: &mut Vec<u8>) {
    write_code(out, SSL_CODE);
}

/// A GSSENCRequest.
pub fn write_gss_request(out: &mut Vec<u8>) {
    write_code(out, GSS_CODE);
}

fn write_code(out: &mut Vec<u8>, code: u32) {
    out.extend_from_slice(&8u32.to_be_bytes());
    out.extend_from_slice(&code.to_be_bytes());
}

/// A CancelRequest.
pub fn write_cancel(out: &mut Vec<u8>, pid: i32, secret: &[u8]) -> Result<(), WireError> {
    secret_fits(CANCEL, secret)?;
    packet(out, CANCEL, STARTUP_BYTES_MAX, |w| {
        w.u32(CANCEL_CODE);
        w.i32(pid);
        w.bytes(secret);
        Ok(())
    })
}

/// A PasswordMessage.
pub fn write_password(out: &mut Vec<u8>, password: &[u8]) -> Result<(), WireError> {
    message(out, tag::PASSWORD, PASSWORD, |w| w.string(password, "password"))
}

/// A SASLInitialResponse.
pub fn write_sasl_initial(out: &mut Vec<u8>, mechanism: &str, data: &[u8]) -> Result<(), WireError> {
    message(out, tag::PASSWORD, SASL_INITIAL, |w| {
        w.string(mechanism.as_bytes(), "mechanism")?;
        w.value(Some(data), "data")
    })
}

/// A SASLResponse.
pub fn write_sasl_response(out: &mut Vec<u8>, data: &[u8]) -> Result<(), WireError> {
    message(out, tag::PASSWORD, SASL, |w| {
        w.bytes(data);
        Ok(())
    })
}

/// Held to the length that the server takes of this type.
fn message(
    out: &mut Vec<u8>,
    tag: u8,
    what: Message,
    body: impl FnOnce(&mut Writer<'_>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    write::message(out, tag, what, bytes_max(tag).unwrap_or(MESSAGE_BYTES_MAX), body)
}

/// A Query.
pub fn write_query(out: &mut Vec<u8>, text: &[u8]) -> Result<(), WireError> {
    message(out, tag::QUERY, QUERY, |w| w.string(text, "text"))
}

/// A Parse. `types` is as it stands in the message, count included; see [`super::Parse`].
pub fn write_parse(out: &mut Vec<u8>, name: &[u8], query: &[u8], types: &[u8]) -> Result<(), WireError> {
    let mut reader = Reader::new(PARSE, types);
    check_types(&mut reader)?;
    reader.end()?;
    message(out, tag::PARSE, PARSE, |w| {
        w.string(name, "statement name")?;
        w.string(query, "query")?;
        w.bytes(types);
        Ok(())
    })
}

/// A Bind with other names: `rest` is that of a Bind that was read, and is taken as it is.
pub fn write_bind_with(out: &mut Vec<u8>, portal: &[u8], statement: &[u8], rest: &[u8]) -> Result<(), WireError> {
    message(out, tag::BIND, BIND, |w| {
        w.string(portal, "portal name")?;
        w.string(statement, "statement name")?;
        w.bytes(rest);
        Ok(())
    })
}

/// A Bind. Formats: none means text, one is for all, otherwise one for each.
pub fn write_bind(
    out: &mut Vec<u8>,
    portal: &[u8],
    statement: &[u8],
    formats: &[i16],
    values: &[Option<&[u8]>],
    results: &[i16],
) -> Result<(), WireError> {
    if formats.len() > 1 && formats.len() != values.len() {
        return Err(WireError::TooMany { message: BIND, field: "parameter formats", most: values.len().max(1) });
    }
    message(out, tag::BIND, BIND, |w| {
        w.string(portal, "portal name")?;
        w.string(statement, "statement name")?;
        write_formats(w, formats, "parameter formats")?;
        w.count(values.len(), "parameters")?;
        for value in values {
            w.value(*value, "parameters")?;
        }
        write_formats(w, results, "result formats")
    })
}

fn write_formats(w: &mut Writer<'_>, formats: &[i16], field: &'static str) -> Result<(), WireError> {
    w.count(formats.len(), field)?;
    formats.iter().for_each(|format| w.i16(*format));
    Ok(())
}

/// A Describe.
pub fn write_describe(out: &mut Vec<u8>, kind: TargetKind, name: &[u8]) -> Result<(), WireError> {
    write_target(out, tag::DESCRIBE, DESCRIBE, kind, name)
}

/// A Close.
pub fn write_close(out: &mut Vec<u8>, kind: TargetKind, name: &[u8]) -> Result<(), WireError> {
    write_target(out, tag::CLOSE, CLOSE, kind, name)
}

fn write_target(out: &mut Vec<u8>, tag: u8, what: Message, kind: TargetKind, name: &[u8]) -> Result<(), WireError> {
    message(out, tag, what, |w| {
        w.u8(kind.letter());
        w.string(name, "name")
    })
}

/// An Execute; 0 rows means all.
pub fn write_execute(out: &mut Vec<u8>, portal: &[u8], max_rows: i32) -> Result<(), WireError> {
    message(out, tag::EXECUTE, EXECUTE, |w| {
        w.string(portal, "portal name")?;
        w.i32(max_rows);
        Ok(())
    })
}

/// A Sync.
pub fn write_sync(out: &mut Vec<u8>) {
    bare(out, tag::SYNC);
}

/// A Flush.
pub fn write_flush(out: &mut Vec<u8>) {
    bare(out, tag::FLUSH);
}

/// A Terminate.
pub fn write_terminate(out: &mut Vec<u8>) {
    bare(out, tag::TERMINATE);
}

/// A CopyData.
pub fn write_copy_data(out: &mut Vec<u8>, data: &[u8]) -> Result<(), WireError> {
    message(out, tag::COPY_DATA, COPY_DATA, |w| {
        w.bytes(data);
        Ok(())
    })
}

/// A CopyDone.
pub fn write_copy_done(out: &mut Vec<u8>) {
    bare(out, tag::COPY_DONE);
}

/// A CopyFail.
pub fn write_copy_fail(out: &mut Vec<u8>, reason: &[u8]) -> Result<(), WireError> {
    message(out, tag::COPY_FAIL, COPY_FAIL, |w| w.string(reason, "reason"))
}
