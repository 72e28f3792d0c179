//! Bytes that were read and not used yet. Grows up to a bound that its reader names, and gives room back when empty.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use crate::answers::SharedTap;

/// Room that a buffer begins with.
const ROOM_FIRST: usize = 8 * 1024;
/// Room it keeps at most while nothing is in it.
const ROOM_KEPT_MAX: usize = 64 * 1024;

/// A buffer.
#[derive(Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Hears what is read.
    tap: Option<SharedTap>,
}

impl Buffer {
    /// With this in it.
    pub(crate) fn holding(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), start: 0, end: bytes.len(), tap: None }
    }

    /// Tells a tap what is read from now on.
    pub(crate) fn tell(&mut self, tap: SharedTap) {
        self.tap = Some(tap);
    }

    /// Tells nobody any more.
    pub(crate) fn tell_nobody(&mut self) {
        self.tap = None;
    }

    /// What is in it.
    pub(crate) fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// How much is in it.
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Takes so many bytes out.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() > ROOM_KEPT_MAX {
                self.bytes = Vec::new();
            }
        }
    }

    /// Reads once; 0 is the end of the stream, or that `len_max` bytes are in it already.
    pub(crate) async fn read_from(&mut self, from: &mut (impl AsyncRead + Unpin), len_max: usize) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read_from(cx, from, len_max)).await
    }

    /// The same, by hand.
    pub(crate) fn poll_read_from(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        len_max: usize,
    ) -> Poll<io::Result<usize>> {
        if self.len() >= len_max {
            return Poll::Ready(Ok(0));
        }
        self.make_room(len_max);
        let mut room = ReadBuf::new(&mut self.bytes[self.end..]);
        ready!(Pin::new(from).poll_read(cx, &mut room))?;
        let count = room.filled().len();
        if let Some(tap) = &self.tap {
            tap.borrow_mut().hear(room.filled());
        }
        self.end += count;
        Poll::Ready(Ok(count))
    }

    fn make_room(&mut self, len_max: usize) {
        if self.end < self.bytes.len() {
            return;
        }
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.bytes.len() {
            let room = (self.bytes.len() * 2).max(ROOM_FIRST).min(len_max.max(ROOM_FIRST));
            self.bytes.resize(room.max(self.end + 1), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_fills_is_taken_from_and_stops_at_its_bound() {
        let mut buffer = Buffer::default();
        let source = vec![7_u8; 100_000];
        let mut rest = &source[..];
        let mut taken = 0;
        while taken < source.len() {
            buffer.read_from(&mut rest, 20_000).await.unwrap();
            let most = buffer.len().min(1500);
            buffer.consume(most);
            taken += most;
            assert!(buffer.len() <= 20_000);
        }
        let mut rest = &source[..];
        while buffer.read_from(&mut rest, 20_000).await.unwrap() > 0 {}
        assert!(buffer.len() >= 20_000, "full");
        buffer.consume(usize::MAX >> 1);
        assert!(buffer.is_empty());
    }
}
