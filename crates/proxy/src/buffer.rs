//! Bytes on their way: appended behind, taken in front.

use std::io;
use std::task::{Context, Poll, ready};

use crate::stream::Stream;

/// A queue of bytes. Its memory is given back when it runs empty, so that ten thousand idle clients hold none.
#[derive(Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

/// Memory an empty buffer may keep.
const KEEP_BYTES: usize = 0;

impl Buffer {
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
        if self.bytes.capacity() > KEEP_BYTES {
            self.bytes = Vec::new();
        }
    }

    /// Reads up to `chunk` bytes behind what is there; 0 is the end of the stream.
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Stream,
        chunk: usize,
    ) -> Poll<io::Result<usize>> {
        if self.start > 0 && self.bytes.len() + chunk > self.bytes.capacity() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        let filled = self.bytes.len();
        self.bytes.resize(filled + chunk, 0);
        let polled = stream.poll_read(cx, &mut self.bytes[filled..]);
        let count = if let Poll::Ready(Ok(count)) = &polled { *count } else { 0 };
        self.bytes.truncate(filled + count);
        if self.bytes.is_empty() {
            self.clear();
        }
        polled
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
