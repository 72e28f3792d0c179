//! The two lists that messages carry: values, and the formats they are in.
//!
//! Both are checked when the message is read and cost nothing until somebody walks through them.

use std::fmt;

use crate::error::WireError;
use crate::read::Reader;

/// Format codes: 0 is text, 1 is binary. Whether the server knows another is for the server to say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Formats<'a> {
    raw: &'a [u8],
}

impl<'a> Formats<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, field: &'static str) -> Result<Self, WireError> {
        let count = usize::from(reader.u16(field)?);
        // 65535 twice fits every usize
        Ok(Self { raw: reader.bytes(count.saturating_mul(2), field)? })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.raw.len() / 2
    }

    /// Whether there are none, which means text throughout.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// The codes in order.
    pub fn iter(&self) -> impl Iterator<Item = i16> + use<'a> {
        self.raw.as_chunks().0.iter().map(|code| i16::from_be_bytes(*code))
    }
}

impl fmt::Debug for Formats<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The values of a row or of a statement's parameters. `Debug` shows only how many.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Values<'a> {
    count: u16,
    raw: &'a [u8],
}

impl<'a> Values<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, field: &'static str) -> Result<Self, WireError> {
        let count = reader.u16(field)?;
        let before = reader.rest();
        for _ in 0..count {
            reader.value(field)?;
        }
        let used = before.len().saturating_sub(reader.rest().len());
        Ok(Self { count, raw: before.get(..used).unwrap_or_default() })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The values in order; `None` is NULL.
    pub fn iter(&self) -> impl Iterator<Item = Option<&'a [u8]>> + use<'a> {
        let mut rest = self.raw;
        (0..self.count).map_while(move |_| {
            let (length, after) = rest.split_first_chunk()?;
            let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
                rest = after;
                return Some(None);
            };
            let (value, after) = after.split_at_checked(length)?;
            rest = after;
            Some(Some(value))
        })
    }
}

impl fmt::Debug for Values<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} values>", self.count)
    }
}
