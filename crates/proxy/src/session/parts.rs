//! Parts of a client's messages that are looked at before the whole has come.

use tenantry_wire::frontend;

use crate::refusal::Refusal;

/// Longest name of a statement or portal.
pub(super) const NAME_BYTES_MAX: usize = 1024;

/// Where a name ends.
pub(super) fn name_end(bytes: &[u8]) -> Result<usize, Refusal> {
    bytes
        .iter()
        .take(NAME_BYTES_MAX)
        .position(|b| *b == 0)
        .ok_or_else(|| Refusal::violation("a name of a Bind message has no end"))
}

/// The text in a kept Parse message.
pub(super) fn unnamed_text(message: &[u8]) -> &[u8] {
    message.get(5..).and_then(|body| frontend::parse(body).ok()).map_or(&[], |parse| parse.query)
}
