//! How values stand in a token of text, and how they are read back. What does not stand there exactly so is refused.

use super::TokenError;
use crate::{KeyKind, TEXT_KEY_BYTES_MAX, TenantKey};

pub(super) fn not_negative(numbers: &[i64]) -> Result<(), TokenError> {
    if numbers.iter().all(|n| *n >= 0) { Ok(()) } else { Err(TokenError::Negative) }
}

/// A key as it stands in a token.
pub(super) fn key_text(key: &TenantKey) -> Result<String, TokenError> {
    match key {
        TenantKey::Text(text) if text.is_empty() || text.len() > TEXT_KEY_BYTES_MAX || text.contains('\0') => {
            Err(TokenError::TextKey)
        }
        TenantKey::Text(text) => Ok(hex(text.as_bytes())),
        other => Ok(other.to_string()),
    }
}

pub(super) fn scope_text(scope: Option<&TenantKey>) -> Result<String, TokenError> {
    scope.map_or_else(|| Ok(String::new()), key_text)
}

pub(super) fn read_key(kind: KeyKind, text: &str) -> Result<TenantKey, TokenError> {
    let text = match kind {
        KeyKind::Text => {
            let bytes = unhex(text).ok_or(TokenError::Malformed)?;
            String::from_utf8(bytes).map_err(|_| TokenError::Malformed)?
        }
        _ => text.to_owned(),
    };
    TenantKey::parse(kind, &text).map_err(|_| TokenError::Malformed)
}

pub(super) fn read_scope(kind: Option<KeyKind>, text: &str) -> Result<Option<TenantKey>, TokenError> {
    match (kind, text) {
        (_, "") => Ok(None),
        (Some(kind), text) => read_key(kind, text).map(Some),
        (None, _) => Err(TokenError::Malformed),
    }
}

pub(super) fn number(text: &str) -> Result<i64, TokenError> {
    text.parse().ok().filter(|n| *n >= 0).ok_or(TokenError::Malformed)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from(b"0123456789abcdef"[usize::from(n)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect()
}
