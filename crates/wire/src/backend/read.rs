//! Reading the short messages that tell a session's state.

use std::fmt;

use crate::error::{Message, WireError};
use crate::frontend::secret_fits;
use crate::hidden::Hidden;
use crate::read::Reader;

pub(super) const PARAMETER_STATUS: Message = Message::server("ParameterStatus");
pub(super) const BACKEND_KEY_DATA: Message = Message::server("BackendKeyData");
pub(super) const READY_FOR_QUERY: Message = Message::server("ReadyForQuery");
pub(super) const COMMAND_COMPLETE: Message = Message::server("CommandComplete");
const NOTIFICATION: Message = Message::server("NotificationResponse");

/// Where a session stands between two messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// In no transaction.
    Idle,
    /// In a transaction.
    InTransaction,
    /// In a transaction that failed and can only be rolled back.
    Failed,
}

impl TransactionStatus {
    pub(super) const fn letter(self) -> u8 {
        match self {
            Self::Idle => b'I',
            Self::InTransaction => b'T',
            Self::Failed => b'E',
        }
    }
}

/// Reads a ReadyForQuery.
#[inline]
pub fn ready_for_query(body: &[u8]) -> Result<TransactionStatus, WireError> {
    let mut reader = Reader::new(READY_FOR_QUERY, body);
    let status = match reader.u8("status")? {
        b'I' => TransactionStatus::Idle,
        b'T' => TransactionStatus::InTransaction,
        b'E' => TransactionStatus::Failed,
        other => return Err(WireError::Value { message: READY_FOR_QUERY, field: "status", value: other.into() }),
    };
    reader.end()?;
    Ok(status)
}

/// Reads a ParameterStatus: name and value of a setting.
pub fn parameter_status(body: &[u8]) -> Result<(&str, &str), WireError> {
    let mut reader = Reader::new(PARAMETER_STATUS, body);
    let name = reader.text("name")?;
    let value = reader.text("value")?;
    reader.end()?;
    Ok((name, value))
}

/// Reads a BackendKeyData: process number and the secret to cancel with, 4 to 256 bytes.
pub fn backend_key_data(body: &[u8]) -> Result<(i32, &[u8]), WireError> {
    let mut reader = Reader::new(BACKEND_KEY_DATA, body);
    let pid = reader.i32("process number")?;
    secret_fits(BACKEND_KEY_DATA, reader.rest())?;
    Ok((pid, reader.rest()))
}

/// Reads a CommandComplete: the tag, as in `INSERT 0 1`.
#[inline]
pub fn command_complete(body: &[u8]) -> Result<&str, WireError> {
    let mut reader = Reader::new(COMMAND_COMPLETE, body);
    let tag = reader.text("tag")?;
    reader.end()?;
    Ok(tag)
}

/// What somebody told all who listen. `Debug` hides the payload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Notification<'a> {
    /// The process that told it.
    pub pid: i32,
    /// Where.
    pub channel: &'a [u8],
    /// What.
    pub payload: &'a [u8],
}

impl fmt::Debug for Notification<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (channel, payload) = (self.channel.escape_ascii().to_string(), Hidden(self.payload.len()));
        f.debug_struct("Notification")
            .field("pid", &self.pid)
            .field("channel", &channel)
            .field("payload", &payload)
            .finish()
    }
}

/// Reads a NotificationResponse.
pub fn notification(body: &[u8]) -> Result<Notification<'_>, WireError> {
    let mut reader = Reader::new(NOTIFICATION, body);
    let pid = reader.i32("process number")?;
    let channel = reader.string("channel")?;
    let payload = reader.string("payload")?;
    reader.end()?;
    Ok(Notification { pid, channel, payload })
}

#[cfg(test)]
mod tests {
    use tenantry_model::Class;

    use super::*;

    #[test]
    fn a_status_is_one_of_three_letters() {
        assert_eq!(ready_for_query(b"I"), Ok(TransactionStatus::Idle));
        assert_eq!(ready_for_query(b"T"), Ok(TransactionStatus::InTransaction));
        assert_eq!(ready_for_query(b"E"), Ok(TransactionStatus::Failed));
        for bad in [&b""[..], b"i", b"II", b"\0"] {
            let refused = ready_for_query(bad).unwrap_err();
            assert_eq!(refused.class(), Class::Unavailable, "{refused}");
        }
    }

    #[test]
    fn short_messages_are_read_whole() {
        assert_eq!(parameter_status(b"TimeZone\0UTC\0"), Ok(("TimeZone", "UTC")));
        assert_eq!(backend_key_data(b"\0\0\0\x07\x01\x02\x03\x04"), Ok((7, &[1, 2, 3, 4][..])));
        assert_eq!(command_complete(b"INSERT 0 1\0"), Ok("INSERT 0 1"));
        let told = notification(b"\0\0\0\x07jobs\0secret\0").unwrap();
        assert_eq!((told.pid, told.channel, told.payload), (7, &b"jobs"[..], &b"secret"[..]));
        assert_eq!(format!("{told:?}"), r#"Notification { pid: 7, channel: "jobs", payload: <6 bytes> }"#);
    }

    #[test]
    fn short_messages_cut_or_with_more_behind_them_are_refused() {
        for bad in [&b"TimeZone\0UTC"[..], b"TimeZone\0UTC\0x", b"TimeZone\0", b"", b"a\0\xff\0"] {
            assert!(parameter_status(bad).is_err());
        }
        for bad in [&b"INSERT 0 1"[..], b"INSERT 0 1\0\0", b"", b"\xff\0"] {
            assert!(command_complete(bad).is_err());
        }
        for bytes in [0, 3, 257] {
            assert!(backend_key_data(&[&[0, 0, 0, 7], &vec![1; bytes][..]].concat()).is_err());
        }
        assert!(backend_key_data(b"\0\0\0").is_err());
        assert!(notification(b"\0\0\0\x07jobs\0").is_err());
    }
}
