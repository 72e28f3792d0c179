//! What a Bind message and the statement it binds say, read without taking the message apart.

use tenantry_wire::backend::TransactionStatus;
use tenantry_wire::frontend;

use super::pump::NAME_BYTES_MAX;
use crate::link::Link;
use crate::refusal::Refusal;
use crate::text::{self, Opening};

/// What a bound statement does to the session's settings: whether that ends with the transaction, else which it sets.
pub(super) type BoundSetting = (bool, Option<(Box<str>, Box<str>)>);

pub(super) fn bound_setting(text: &[u8], link: &Link) -> BoundSetting {
    let begins_with_set = text.trim_ascii_start().get(..3).is_some_and(|word| word.eq_ignore_ascii_case(b"SET"));
    if !begins_with_set {
        return (false, None);
    }
    match Opening::of(text) {
        Opening::SetLocal | Opening::SetTransaction => (true, None),
        Opening::Set if link.status == TransactionStatus::Idle => (false, text::setting(text)),
        _ => (false, None),
    }
}

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
