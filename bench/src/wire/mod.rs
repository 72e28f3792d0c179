//! A PostgreSQL client thin enough to misbehave.
//!
//! It sends the bytes it is told to, shows every message that comes back in order, and can leave at any byte. What
//! drives a load or torments a pooler needs that; a proper driver hides it. [`Wire::connect`] logs in with SCRAM,
//! [`Wire::send`] and [`Wire::next`] do the rest; `postgres_protocol::message::frontend` writes the messages.
//!
//! Loopback only, no TLS: nothing here is meant for a server that matters.

mod frame;
mod login;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub use frame::{FRAME_BYTES_MAX, Frame};
pub use login::Login;

/// Room for what arrives; large rows get more.
const INBOX_BYTES: usize = 16 * 1024;

/// Why a connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The socket failed.
    #[error("the connection failed")]
    Socket(#[from] io::Error),
    /// The other side closed it.
    #[error("the connection was closed")]
    Closed,
    /// The other side says no.
    #[error("{0}")]
    Server(ServerError),
    /// The other side does not keep to the protocol.
    #[error("against the protocol: {0}")]
    Protocol(String),
}

/// What an ErrorResponse says.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{severity} {code}: {message}")]
pub struct ServerError {
    /// `ERROR`, `FATAL` or `PANIC`, never translated.
    pub severity: String,
    /// The SQLSTATE.
    pub code: String,
    /// The words.
    pub message: String,
}

/// What a cancel request must name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelKey {
    /// The process.
    pub process: i32,
    /// The secret.
    pub secret: i32,
}

/// A connection that is logged in.
#[derive(Debug)]
pub struct Wire {
    socket: TcpStream,
    inbox: BytesMut,
    key: Option<CancelKey>,
    parameters: BTreeMap<String, String>,
}

/// The loopback address of a port.
pub fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

impl Wire {
    async fn open(port: u16) -> Result<Self, WireError> {
        let socket = TcpStream::connect(loopback(port)).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, inbox: BytesMut::with_capacity(INBOX_BYTES), key: None, parameters: BTreeMap::new() })
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        Ok(self.socket.write_all(bytes).await?)
    }

    /// The next message, whatever it is; parameters are remembered on the way.
    pub async fn next(&mut self) -> Result<Frame, WireError> {
        loop {
            if let Some(frame) = self.arrived()? {
                return Ok(frame);
            }
            if self.socket.read_buf(&mut self.inbox).await? == 0 {
                return Err(WireError::Closed);
            }
        }
    }

    /// A message that has arrived unasked, without waiting for one.
    pub fn stray(&mut self) -> Result<Option<Frame>, WireError> {
        match self.socket.try_read_buf(&mut self.inbox) {
            Ok(0) if self.inbox.is_empty() => return Err(WireError::Closed),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        self.arrived()
    }

    fn arrived(&mut self) -> Result<Option<Frame>, WireError> {
        let frame = Frame::take(&mut self.inbox)?;
        if let Some(frame) = frame.as_ref().filter(|f| f.tag == b'S') {
            let (name, value) = frame.parameter()?;
            self.parameters.insert(name, value);
        }
        Ok(frame)
    }

    /// Sends a request and reads its answer to the end; an error in it is an error.
    pub async fn round_trip(&mut self, request: &[u8]) -> Result<(), WireError> {
        self.send(request).await?;
        let mut error = None;
        loop {
            let frame = self.next().await?;
            match frame.tag {
                b'Z' => return error.map_or(Ok(()), |e| Err(WireError::Server(e))),
                b'E' => error = Some(frame.error()),
                _ => {}
            }
        }
    }

    /// Reads and throws away so many bytes, or what there is until the other side closes.
    pub async fn swallow(&mut self, mut bytes: usize) -> Result<(), WireError> {
        while bytes > 0 {
            self.inbox.clear();
            match self.socket.read_buf(&mut self.inbox).await? {
                0 => return Err(WireError::Closed),
                read => bytes = bytes.saturating_sub(read),
            }
        }
        Ok(())
    }

    /// What a cancel request for this connection must name.
    pub fn key(&self) -> Option<CancelKey> {
        self.key
    }

    /// What the other side last said of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Says good-bye.
    pub async fn leave(mut self) -> Result<(), WireError> {
        let mut bytes = BytesMut::new();
        frontend::terminate(&mut bytes);
        self.send(&bytes).await?;
        Ok(self.socket.shutdown().await?)
    }

    /// Leaves at once with a reset, as a crashed client's system does for it.
    pub fn vanish(self) {
        // where it cannot be set, the socket is closed the ordinary way: gone all the same
        let _ = self.socket.set_zero_linger();
    }
}

/// Asks for the running query of a connection to be cancelled, over a connection of its own as the protocol wants.
pub async fn cancel(port: u16, key: CancelKey) -> Result<(), WireError> {
    let mut wire = Wire::open(port).await?;
    let mut bytes = BytesMut::new();
    frontend::cancel_request(key.process, key.secret, &mut bytes);
    wire.send(&bytes).await?;
    // the other side closes when it has passed the request on
    match wire.socket.read_buf(&mut wire.inbox).await? {
        0 => Ok(()),
        _ => Err(WireError::Protocol("an answer to a cancel request".into())),
    }
}

/// A simple query as bytes.
pub fn query(sql: &str) -> BytesMut {
    let mut bytes = BytesMut::with_capacity(sql.len() + 6);
    // it only fails for a text with a zero byte in it, which ours have not; then nothing is sent
    let _ = frontend::query(sql, &mut bytes);
    bytes
}
