//! What a client says.
//!
//! Readers take the body of exactly one message: the bytes behind its header, up to its length. They check all of
//! it, as the server would. Names and queries stay bytes: which characters they are depends on `client_encoding`,
//! which is the server's to judge.

mod sign_in;
mod startup;
mod statement;
mod write;

pub use sign_in::{SaslInitial, password, sasl_initial};
pub(crate) use startup::secret_fits;
pub use startup::{
    ProtocolVersion, STARTUP_BYTES_MAX, STARTUP_PARAMETERS_MAX, Startup, StartupMessage, TLS_HANDSHAKE, startup,
};
pub use statement::{
    Bind, BindChecked, Execute, Parse, Target, TargetKind, bind, bind_checked, close, copy_fail, describe, execute,
    function_call, parse, query,
};
pub use write::{
    write_bind, write_bind_with, write_cancel, write_close, write_copy_data, write_copy_done, write_copy_fail,
    write_describe, write_execute, write_flush, write_gss_request, write_parse, write_password, write_query,
    write_sasl_initial, write_sasl_response, write_ssl_request, write_startup, write_sync, write_terminate,
};

use crate::error::{Message, Peer, WireError};
use crate::frame::{self, Header, MESSAGE_BYTES_MAX};
use crate::read::Reader;
use crate::tag::frontend as tag;

/// The longest message, type included, of those that carry a name or nothing: the server's bound.
pub const SMALL_MESSAGE_BYTES_MAX: usize = 10_001;

/// The longest password or SASL message, type included: the server's bound.
pub const PASSWORD_BYTES_MAX: usize = 65_536;

/// Bytes of the longest message of this type, type included. `None`: a client sends no such message.
pub fn bytes_max(tag: u8) -> Option<usize> {
    match tag {
        tag::QUERY | tag::PARSE | tag::BIND | tag::FUNCTION_CALL | tag::COPY_DATA => Some(MESSAGE_BYTES_MAX),
        tag::EXECUTE
        | tag::DESCRIBE
        | tag::CLOSE
        | tag::SYNC
        | tag::FLUSH
        | tag::TERMINATE
        | tag::COPY_DONE
        | tag::COPY_FAIL => Some(SMALL_MESSAGE_BYTES_MAX),
        tag::PASSWORD => Some(PASSWORD_BYTES_MAX),
        _ => None,
    }
}

/// Like [`crate::header`], and refuses types that no client sends and lengths that the server would not take from one.
#[inline]
pub fn header(buf: &[u8]) -> Result<Option<Header>, WireError> {
    frame::header_within(buf, |tag| bytes_max(tag).ok_or(WireError::Tag { tag, from: Peer::Client }))
}

/// Checks a message that must be its type alone: Sync, Flush, Terminate, CopyDone.
pub fn empty(tag: u8, body: &[u8]) -> Result<(), WireError> {
    Reader::new(named(tag)?, body).end()
}

/// Checks the body of a message of any type whole. What a `PASSWORD` means depends on what was asked, so only its
/// length is checked, as for the data of a COPY.
pub fn check(tag: u8, body: &[u8]) -> Result<(), WireError> {
    match tag {
        tag::QUERY => query(body).map(drop),
        tag::PARSE => parse(body).map(drop),
        tag::BIND => bind_checked(body).map(drop),
        tag::EXECUTE => execute(body).map(drop),
        tag::DESCRIBE => describe(body).map(drop),
        tag::CLOSE => close(body).map(drop),
        tag::FUNCTION_CALL => function_call(body),
        tag::COPY_FAIL => copy_fail(body).map(drop),
        tag::SYNC | tag::FLUSH | tag::TERMINATE | tag::COPY_DONE => empty(tag, body),
        _ => named(tag).map(drop),
    }
}

fn named(tag: u8) -> Result<Message, WireError> {
    tag::message(tag).map(Message::client).ok_or(WireError::Tag { tag, from: Peer::Client })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clients_types_have_a_length() {
        for tag in 0..=u8::MAX {
            let known = b"QPBEDCSHXdcfFp".contains(&tag);
            assert_eq!(bytes_max(tag).is_some(), known, "{}", tag as char);
            assert_eq!(tag::message(tag).is_some(), known, "{}", tag as char);
            assert_eq!(header(&[tag, 0, 0, 0, 4]).is_ok(), known);
            let unknown = WireError::Tag { tag, from: Peer::Client };
            assert_eq!(check(tag, b"rubbish") == Err(unknown), !known, "{}", tag as char);
        }
    }

    #[test]
    fn a_small_message_is_small() {
        assert!(header(&[b'S', 0, 0, 0x27, 0x10]).is_ok());
        let refused = header(&[b'S', 0, 0, 0x27, 0x11]).unwrap_err();
        assert_eq!(refused.to_string(), "a message of type 0x53 says it has 10001 bytes; 4 to 10000 are possible");
    }

    #[test]
    fn messages_without_fields_are_their_type_alone() {
        for tag in [tag::SYNC, tag::FLUSH, tag::TERMINATE, tag::COPY_DONE] {
            assert_eq!(check(tag, b""), Ok(()));
            assert!(matches!(check(tag, b"x"), Err(WireError::Trailing { bytes: 1, .. })));
        }
    }
}
