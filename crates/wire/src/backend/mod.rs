//! What a server says.
//!
//! Readers take the body of exactly one message. They trust a server as little as a client: a tenant may own it, and
//! what it sends wrongly must end this connection and nothing else.

mod errors;
mod read;
mod rows;
mod sign_in;
mod write;

pub use errors::{ERROR_TEXT_BYTES_MAX, ErrorFields, ErrorReply, Severity, error_fields, write_error, write_notice};
pub use read::{
    Notification, TransactionStatus, backend_key_data, command_complete, notification, parameter_status,
    ready_for_query,
};
pub use rows::{
    Column, ColumnRead, Columns, Types, data_row, parameter_description, row_description, write_data_row,
    write_parameter_description, write_row_description,
};
pub use sign_in::{
    Authentication, MECHANISMS_MAX, authentication, negotiate_protocol_version, write_authentication_ok,
    write_cleartext, write_negotiate_protocol_version, write_sasl, write_sasl_continue, write_sasl_final,
};
pub use write::{
    write_backend_key_data, write_bind_complete, write_close_complete, write_command_complete, write_empty_query,
    write_no_data, write_parameter_status, write_parse_complete, write_portal_suspended, write_ready_for_query,
};

use crate::error::{Message, Peer, WireError};
use crate::frame::{self, Header};
use crate::read::Reader;
use crate::tag::backend as tag;
use crate::write::Writer;

/// The longest message of a server, type included: its buffers hold a body of one byte less than 1 GiB.
pub const MESSAGE_BYTES_MAX: usize = 0x3fff_fffe + frame::HEADER_BYTES;

/// The longest message, type included, of the types that no statement makes long: the bound that libpq has.
pub const SMALL_MESSAGE_BYTES_MAX: usize = 30_001;

/// Bytes of the longest message of this type, type included. `None`: a server sends no such message.
pub fn bytes_max(tag: u8) -> Option<usize> {
    match tag {
        tag::ROW_DESCRIPTION
        | tag::PARAMETER_DESCRIPTION
        | tag::DATA_ROW
        | tag::COPY_DATA
        | tag::FUNCTION_CALL_RESPONSE
        | tag::ERROR_RESPONSE
        | tag::NOTICE_RESPONSE
        | tag::NOTIFICATION => Some(MESSAGE_BYTES_MAX),
        known => tag::message(known).map(|_| SMALL_MESSAGE_BYTES_MAX),
    }
}

/// Like [`crate::header`], and refuses types that no server sends and lengths that libpq would not take from one.
#[inline]
pub fn header(buf: &[u8]) -> Result<Option<Header>, WireError> {
    frame::header_within(buf, |tag| bytes_max(tag).ok_or(WireError::Tag { tag, from: Peer::Server }))
}

/// Checks a message that must be its type alone, as ParseComplete is.
pub fn empty(tag: u8, body: &[u8]) -> Result<(), WireError> {
    Reader::new(named(tag)?, body).end()
}

/// Checks the body of a message of any type that has a reader here, or is its type alone. Of the others, which are
/// passed on unread, only the type.
pub fn check(tag: u8, body: &[u8]) -> Result<(), WireError> {
    match tag {
        tag::AUTHENTICATION => authentication(body).map(drop),
        tag::PARAMETER_STATUS => parameter_status(body).map(drop),
        tag::BACKEND_KEY_DATA => backend_key_data(body).map(drop),
        tag::READY_FOR_QUERY => ready_for_query(body).map(drop),
        tag::COMMAND_COMPLETE => command_complete(body).map(drop),
        tag::ERROR_RESPONSE | tag::NOTICE_RESPONSE => error_fields(body).map(drop),
        tag::NOTIFICATION => notification(body).map(drop),
        tag::ROW_DESCRIPTION => row_description(body).map(drop),
        tag::PARAMETER_DESCRIPTION => parameter_description(body).map(drop),
        tag::DATA_ROW => data_row(body).map(drop),
        tag::NEGOTIATE_PROTOCOL_VERSION => negotiate_protocol_version(body).map(drop),
        tag::PARSE_COMPLETE
        | tag::BIND_COMPLETE
        | tag::CLOSE_COMPLETE
        | tag::NO_DATA
        | tag::PORTAL_SUSPENDED
        | tag::EMPTY_QUERY
        | tag::COPY_DONE => empty(tag, body),
        _ => named(tag).map(drop),
    }
}

fn named(tag: u8) -> Result<Message, WireError> {
    tag::message(tag).map(Message::server).ok_or(WireError::Tag { tag, from: Peer::Server })
}

/// Held to the length that a client takes of this type.
fn message(
    out: &mut Vec<u8>,
    tag: u8,
    what: Message,
    body: impl FnOnce(&mut Writer<'_>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    crate::write::message(out, tag, what, bytes_max(tag).unwrap_or(SMALL_MESSAGE_BYTES_MAX), body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_servers_types_have_a_length() {
        for tag in 0..=u8::MAX {
            let known = b"RSKZCENA123nsITtDGHWdcVv".contains(&tag);
            assert_eq!(bytes_max(tag).is_some(), known, "{}", tag as char);
            assert_eq!(header(&[tag, 0, 0, 0, 4]).is_ok(), known);
            let unknown = WireError::Tag { tag, from: Peer::Server };
            assert_eq!(check(tag, b"rubbish") == Err(unknown), !known, "{}", tag as char);
        }
    }

    #[test]
    fn a_setting_is_no_flood_and_a_row_may_be_long() {
        assert!(header(&[b'S', 0, 0, 0x75, 0x30]).is_ok());
        assert!(header(&[b'S', 0, 0, 0x75, 0x31]).is_err());
        assert!(header(&[b'D', 0x40, 0, 0, 2]).is_ok());
        assert!(header(&[b'D', 0x40, 0, 0, 3]).is_err());
    }
}
