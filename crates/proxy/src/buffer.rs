//! Bytes on their way: appended behind, taken in front.

use std::io;
use std::task::{Context, Poll, ready};

use crate::stream::Stream;

/// A queue of bytes. Its memory is given back when it runs empty, so that ten thousand idle clients hold none.
#[derive(Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    /// Bytes of memory it keeps when it is empty.
    keeps: usize,
}

impl Buffer {
    /// One of few that are used all the time: it keeps some memory.
    pub(crate) fn keeping(bytes: usize) -> Self {
        Self { keeps: bytes, ..Self::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(crate) fn is_longer_than(&self, bytes: usize) -> bool {
        self.len() > bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What has not been taken yet.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// The end, for writing.
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes `count` bytes in front.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start >= self.bytes.len() {
            self.clear();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.start = 0;
        self.bytes.clear();
        if self.bytes.capacity() > self.keeps {
            self.bytes = Vec::new();
        }
    }

    /// Reads behind what is there, by way of `scratch`, so that memory is taken only for bytes that came; 0 is the end
    /// of the stream.
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Stream,
        scratch: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(stream.poll_read(cx, scratch))?;
        if self.start > 0 && self.bytes.len() + count > self.bytes.capacity() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(&scratch[..count]);
        Poll::Ready(Ok(count))
    }

    /// Writes until nothing is left.
    pub(crate) fn poll_drain(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let count = ready!(stream.poll_write(cx, &self.bytes[self.start..]))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.consume(count);
        }
        stream.poll_flush(cx)
    }
}
