//! One message's body, read from front to back. Every read names its field, so that every failure does.

use crate::error::{Message, WireError};

#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    message: Message,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(message: Message, body: &'a [u8]) -> Self {
        Self { message, rest: body }
    }

    pub(crate) fn message(&self) -> Message {
        self.message
    }

    pub(crate) fn bytes(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], WireError> {
        let (bytes, rest) =
            self.rest.split_at_checked(count).ok_or(WireError::Truncated { message: self.message, field })?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], WireError> {
        let (bytes, rest) =
            self.rest.split_first_chunk().ok_or(WireError::Truncated { message: self.message, field })?;
        self.rest = rest;
        Ok(*bytes)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, WireError> {
        self.array(field).map(u8::from_be_bytes)
    }

    /// Counts in the protocol are sixteen bits, and the server reads them without a sign.
    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, WireError> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(crate) fn i16(&mut self, field: &'static str) -> Result<i16, WireError> {
        self.array(field).map(i16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, WireError> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(crate) fn i32(&mut self, field: &'static str) -> Result<i32, WireError> {
        self.array(field).map(i32::from_be_bytes)
    }

    /// A string up to its zero byte, which is left out.
    pub(crate) fn string(&mut self, field: &'static str) -> Result<&'a [u8], WireError> {
        let missing = WireError::NotTerminated { message: self.message, field };
        let end = memchr::memchr(0, self.rest).ok_or(missing)?;
        let (bytes, rest) = self.rest.split_at_checked(end).ok_or(missing)?;
        self.rest = rest.get(1..).ok_or(missing)?;
        Ok(bytes)
    }

    /// A string that must be UTF-8.
    pub(crate) fn text(&mut self, field: &'static str) -> Result<&'a str, WireError> {
        let bytes = self.string(field)?;
        std::str::from_utf8(bytes).map_err(|_| WireError::NotUtf8 { message: self.message, field })
    }

    /// Four bytes of length and the value; -1 is NULL.
    pub(crate) fn value(&mut self, field: &'static str) -> Result<Option<&'a [u8]>, WireError> {
        match self.i32(field)? {
            -1 => Ok(None),
            length => {
                let wrong = WireError::Value { message: self.message, field, value: length.into() };
                self.bytes(usize::try_from(length).map_err(|_| wrong)?, field).map(Some)
            }
        }
    }

    /// Everything that is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result<(), WireError> {
        match self.rest.len() {
            0 => Ok(()),
            bytes => Err(WireError::Trailing { message: self.message, bytes }),
        }
    }
}
