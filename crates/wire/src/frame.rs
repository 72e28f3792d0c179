//! Where one message ends and the next begins.
//!
//! Every message but the first of a connection begins with its type, one byte, and its length, four bytes that count
//! themselves. Five bytes are therefore enough to know how much to read, and to refuse it before reading it.

use crate::error::WireError;

/// Bytes of type and length.
pub const HEADER_BYTES: usize = 5;

/// The longest message, type included: the server's own bound for what clients send.
pub const MESSAGE_BYTES_MAX: usize = 0x3fff_ffff;

/// The type of a message and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The message's type; [`crate::tag`] has the names.
    pub tag: u8,
    /// Bytes of the whole message: one more than its length field says.
    pub len: usize,
}

/// Reads the header at the beginning of `buf`. `None`: there are fewer than five bytes.
pub fn header(buf: &[u8]) -> Result<Option<Header>, WireError> {
    header_within(buf, |_| Ok(MESSAGE_BYTES_MAX))
}

/// The same where the longest message depends on its type, or the type may be refused.
#[inline]
pub(crate) fn header_within(
    buf: &[u8],
    bytes_max: impl FnOnce(u8) -> Result<usize, WireError>,
) -> Result<Option<Header>, WireError> {
    let Some(([tag, length @ ..], _)) = buf.split_first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let (tag, length) = (*tag, u32::from_be_bytes(*length));
    let most = bytes_max(tag)?;
    let whole = usize::try_from(length).ok().and_then(|l| l.checked_add(1)).filter(|len| *len <= most);
    match whole {
        Some(len) if len >= HEADER_BYTES => Ok(Some(Header { tag, len })),
        _ => Err(WireError::Length { tag, length, most: most.saturating_sub(1) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(length: u32) -> Vec<u8> {
        let mut bytes = vec![b'Q'];
        bytes.extend(length.to_be_bytes());
        bytes
    }

    #[test]
    fn four_bytes_are_not_enough() {
        for len in 0..5 {
            assert_eq!(header(&with(9)[..len]), Ok(None));
        }
        assert_eq!(header(&with(9)), Ok(Some(Header { tag: b'Q', len: 10 })));
    }

    #[test]
    fn a_length_outside_its_bounds_is_refused_before_the_body_is_read() {
        for bad in [0, 1, 2, 3, 0x3fff_ffff, 0x4000_0000, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
            let refused = header(&with(bad)).unwrap_err();
            assert_eq!(refused, WireError::Length { tag: b'Q', length: bad, most: 0x3fff_fffe });
            assert_eq!(refused.code(), "08P01");
        }
        assert_eq!(header(&with(4)), Ok(Some(Header { tag: b'Q', len: 5 })));
        assert_eq!(header(&with(0x3fff_fffe)), Ok(Some(Header { tag: b'Q', len: MESSAGE_BYTES_MAX })));
    }
}
