//! Reading message by message while a client logs in.

use tenantry_wire::frontend::{self, Startup};
use tenantry_wire::tag::frontend as tag;
use tokio::io::AsyncReadExt;

use super::Stop;
use crate::refusal::Refusal;
use crate::stream::Stream;

/// Bytes read at once.
const CHUNK_BYTES: usize = 1024;

/// A stream and what was read of it beyond the last message.
pub(super) struct Reader {
    pub(super) stream: Stream,
    buffer: Vec<u8>,
}

impl Reader {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    async fn more(&mut self) -> Result<(), Stop> {
        let mut chunk = [0; CHUNK_BYTES];
        let count = self.stream.read(&mut chunk).await?;
        if count == 0 {
            return Err(Stop::Gone);
        }
        self.buffer.extend_from_slice(&chunk[..count]);
        Ok(())
    }

    /// Whether the first byte is that of a TLS handshake. Nothing is taken.
    pub(super) async fn begins_with_tls(&mut self) -> Result<bool, Stop> {
        let Stream::Tcp(stream) = &self.stream else { return Ok(false) };
        let mut first = [0];
        match stream.peek(&mut first).await? {
            0 => Err(Stop::Gone),
            _ => Ok(first == [frontend::TLS_HANDSHAKE]),
        }
    }

    /// The next message of the kind that has no tag.
    pub(super) async fn startup(&mut self) -> Result<Startup, Stop> {
        loop {
            if let Some((startup, consumed)) = frontend::startup(&self.buffer).map_err(Refusal::violation)? {
                self.buffer.drain(..consumed);
                return Ok(startup);
            }
            self.more().await?;
        }
    }

    /// The body of the next message, which must be an answer to a request for authentication.
    pub(super) async fn password(&mut self) -> Result<Vec<u8>, Stop> {
        loop {
            if let Some(header) = frontend::header(&self.buffer).map_err(Refusal::violation)? {
                if header.tag == tag::TERMINATE {
                    return Err(Stop::Gone);
                }
                if header.tag != tag::PASSWORD {
                    return Err(Refusal::violation("a password was expected").into());
                }
                if header.len > frontend::PASSWORD_BYTES_MAX {
                    return Err(Refusal::violation("the password is too long").into());
                }
                if self.buffer.len() >= header.len {
                    let body = self.buffer[5..header.len].to_vec();
                    self.buffer.drain(..header.len);
                    return Ok(body);
                }
            }
            self.more().await?;
        }
    }

    /// Refuses bytes that came too early.
    pub(super) fn nothing_more(&self) -> Result<(), Stop> {
        if self.buffer.is_empty() { Ok(()) } else { Err(Refusal::violation("bytes before the TLS handshake").into()) }
    }

    /// The stream, for what is laid over it. What stays behind is not used any more.
    pub(super) fn take_stream(&mut self) -> Stream {
        std::mem::replace(&mut self.stream, Stream::Closed)
    }

    /// The stream and what was read beyond the last message.
    pub(super) fn take(&mut self) -> (Stream, Vec<u8>) {
        let early = std::mem::take(&mut self.buffer);
        (self.take_stream(), early)
    }
}
