//! Logging in: the startup message and SCRAM, with every message of the greeting looked at.

use bytes::BytesMut;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::frontend;

use super::{CancelKey, Wire, WireError};

/// Who logs in, where to, and with which settings.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
    /// The database.
    pub database: String,
    /// Further parameters of the startup message.
    pub settings: Vec<(String, String)>,
}

impl Login {
    /// Without further settings.
    pub fn new(user: &str, password: &str, database: &str) -> Self {
        Self { user: user.into(), password: password.into(), database: database.into(), settings: Vec::new() }
    }

    /// With one more setting.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The first message of a connection.
    pub fn startup(&self) -> Result<BytesMut, WireError> {
        let who = [("user", &*self.user), ("database", &*self.database)];
        let settings = self.settings.iter().map(|(name, value)| (&**name, &**value));
        let mut bytes = BytesMut::new();
        frontend::startup_message(who.into_iter().chain(settings), &mut bytes)?;
        Ok(bytes)
    }
}

impl Wire {
    /// Connects to a loopback port and logs in.
    pub async fn connect(port: u16, login: &Login) -> Result<Self, WireError> {
        let mut wire = Self::open(port).await?;
        wire.send(&login.startup()?).await?;
        wire.authenticate(login.password.as_bytes()).await?;
        loop {
            let frame = wire.next().await?;
            match frame.tag {
                b'K' => wire.key = Some(key(&frame.body)?),
                b'S' | b'N' => {}
                b'E' => return Err(WireError::Server(frame.error())),
                b'Z' if frame.status() == b'I' => return Ok(wire),
                tag => return Err(WireError::Protocol(format!("`{}` in a greeting", char::from(tag)))),
            }
        }
    }

    /// Connects, sends only so many bytes of the first message, and vanishes.
    pub async fn knock(port: u16, login: &Login, bytes: usize) -> Result<(), WireError> {
        let mut wire = Self::open(port).await?;
        let startup = login.startup()?;
        wire.send(&startup[..bytes.min(startup.len())]).await?;
        wire.vanish();
        Ok(())
    }

    /// SCRAM-SHA-256, or nothing if the other side asks for nothing.
    async fn authenticate(&mut self, password: &[u8]) -> Result<(), WireError> {
        let mut scram = ScramSha256::new(password, ChannelBinding::unsupported());
        loop {
            let frame = self.next().await?;
            if frame.tag == b'E' {
                return Err(WireError::Server(frame.error()));
            }
            let (kind, data) = match (frame.tag, frame.body.split_first_chunk::<4>()) {
                (b'R', Some((kind, data))) => (u32::from_be_bytes(*kind), data),
                (tag, _) => return Err(WireError::Protocol(format!("`{}` before the login", char::from(tag)))),
            };
            let mut answer = BytesMut::new();
            match kind {
                0 => return Ok(()),
                10 => frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), &mut answer)?,
                11 => {
                    scram.update(data)?;
                    frontend::sasl_response(scram.message(), &mut answer)?;
                }
                12 => {
                    scram.finish(data)?;
                    continue;
                }
                other => return Err(WireError::Protocol(format!("authentication of kind {other}, not SCRAM"))),
            }
            self.send(&answer).await?;
        }
    }
}

fn key(body: &[u8]) -> Result<CancelKey, WireError> {
    match *body {
        [a, b, c, d, e, f, g, h] => {
            Ok(CancelKey { process: i32::from_be_bytes([a, b, c, d]), secret: i32::from_be_bytes([e, f, g, h]) })
        }
        _ => Err(WireError::Protocol(format!("a cancel key of {} bytes in protocol 3.0", body.len()))),
    }
}
