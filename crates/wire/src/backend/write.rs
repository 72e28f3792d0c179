//! Writing the short messages of a session. Each function appends one message to `out`, or leaves it as it was.

use super::message;
use super::read::{BACKEND_KEY_DATA, COMMAND_COMPLETE, PARAMETER_STATUS, TransactionStatus};
use crate::error::WireError;
use crate::frontend::secret_fits;
use crate::tag::backend as tag;
use crate::write::bare;

/// A ParameterStatus.
pub fn write_parameter_status(out: &mut Vec<u8>, name: &str, value: &str) -> Result<(), WireError> {
    message(out, tag::PARAMETER_STATUS, PARAMETER_STATUS, |w| {
        w.string(name.as_bytes(), "name")?;
        w.string(value.as_bytes(), "value")
    })
}

/// A BackendKeyData. Before protocol 3.2 the secret has four bytes.
pub fn write_backend_key_data(out: &mut Vec<u8>, pid: i32, secret: &[u8]) -> Result<(), WireError> {
    secret_fits(BACKEND_KEY_DATA, secret)?;
    message(out, tag::BACKEND_KEY_DATA, BACKEND_KEY_DATA, |w| {
        w.i32(pid);
        w.bytes(secret);
        Ok(())
    })
}

/// A ReadyForQuery.
pub fn write_ready_for_query(out: &mut Vec<u8>, status: TransactionStatus) {
    out.extend_from_slice(&[tag::READY_FOR_QUERY, 0, 0, 0, 5, status.letter()]);
}

/// A CommandComplete with its tag, as in `SELECT 1`.
pub fn write_command_complete(out: &mut Vec<u8>, command: &str) -> Result<(), WireError> {
    message(out, tag::COMMAND_COMPLETE, COMMAND_COMPLETE, |w| w.string(command.as_bytes(), "tag"))
}

/// A ParseComplete.
pub fn write_parse_complete(out: &mut Vec<u8>) {
    bare(out, tag::PARSE_COMPLETE);
}

/// A BindComplete.
pub fn write_bind_complete(out: &mut Vec<u8>) {
    bare(out, tag::BIND_COMPLETE);
}

/// A CloseComplete.
pub fn write_close_complete(out: &mut Vec<u8>) {
    bare(out, tag::CLOSE_COMPLETE);
}

/// A NoData.
pub fn write_no_data(out: &mut Vec<u8>) {
    bare(out, tag::NO_DATA);
}

/// An EmptyQueryResponse.
pub fn write_empty_query(out: &mut Vec<u8>) {
    bare(out, tag::EMPTY_QUERY);
}

/// A PortalSuspended.
pub fn write_portal_suspended(out: &mut Vec<u8>) {
    bare(out, tag::PORTAL_SUSPENDED);
}
