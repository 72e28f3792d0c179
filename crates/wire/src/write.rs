//! One message, appended to a buffer whole or not at all.

use crate::error::{Message, WireError};

pub(crate) struct Writer<'b> {
    message: Message,
    out: &'b mut Vec<u8>,
    /// Bytes that the message may still grow by.
    room: usize,
    /// Bytes that did not find room; they are counted and not copied.
    over: usize,
}

/// Appends a message with a type. What `body` refuses, and what grows too long, is taken back.
pub(crate) fn message(
    out: &mut Vec<u8>,
    tag: u8,
    message: Message,
    bytes_max: usize,
    body: impl FnOnce(&mut Writer<'_>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let start = out.len();
    out.push(tag);
    finish(out, start, message, bytes_max, body)
}

/// Appends a packet without a type, as a connection begins with.
pub(crate) fn packet(
    out: &mut Vec<u8>,
    message: Message,
    bytes_max: usize,
    body: impl FnOnce(&mut Writer<'_>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let start = out.len();
    finish(out, start, message, bytes_max, body)
}

/// Appends a message that is its type alone.
pub(crate) fn bare(out: &mut Vec<u8>, tag: u8) {
    out.extend_from_slice(&[tag, 0, 0, 0, 4]);
}

fn finish(
    out: &mut Vec<u8>,
    start: usize,
    message: Message,
    bytes_max: usize,
    body: impl FnOnce(&mut Writer<'_>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    let begun = out.len().saturating_sub(start);
    let mut writer = Writer { message, out, room: bytes_max.saturating_sub(begun), over: 0 };
    let done = body(&mut writer);
    let over = writer.over;
    let done = done.and_then(|()| {
        let bytes = out.len().saturating_sub(start).saturating_add(over);
        let too_long = WireError::TooLong { message, field: "whole", bytes, most: bytes_max };
        let length = out.get_mut(at..).filter(|_| over == 0).ok_or(too_long)?;
        let count = u32::try_from(length.len()).map_err(|_| too_long)?;
        *length.first_chunk_mut().ok_or(too_long)? = count.to_be_bytes();
        Ok(())
    });
    if done.is_err() {
        out.truncate(start);
    }
    done
}

impl Writer<'_> {
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        match self.room.checked_sub(bytes.len()) {
            Some(room) if self.over == 0 => {
                self.room = room;
                self.out.extend_from_slice(bytes);
            }
            _ => self.over = self.over.saturating_add(bytes.len()),
        }
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    pub(crate) fn i16(&mut self, value: i16) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// A count of sixteen bits.
    pub(crate) fn count(&mut self, count: usize, field: &'static str) -> Result<(), WireError> {
        let count = u16::try_from(count).map_err(|_| WireError::TooMany {
            message: self.message,
            field,
            most: usize::from(u16::MAX),
        })?;
        self.bytes(&count.to_be_bytes());
        Ok(())
    }

    /// A string and its zero byte.
    pub(crate) fn string(&mut self, bytes: &[u8], field: &'static str) -> Result<(), WireError> {
        if memchr::memchr(0, bytes).is_some() {
            return Err(WireError::InnerNul { message: self.message, field });
        }
        self.bytes(bytes);
        self.u8(0);
        Ok(())
    }

    /// Four bytes of length and the value; -1 is NULL.
    pub(crate) fn value(&mut self, value: Option<&[u8]>, field: &'static str) -> Result<(), WireError> {
        let Some(bytes) = value else {
            self.i32(-1);
            return Ok(());
        };
        let most = self.room;
        let too_long = WireError::TooLong { message: self.message, field, bytes: bytes.len(), most };
        let length = i32::try_from(bytes.len()).map_err(|_| too_long)?;
        self.i32(length);
        self.bytes(bytes);
        Ok(())
    }
}
