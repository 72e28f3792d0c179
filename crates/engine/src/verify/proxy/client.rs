//! A thin client of the raw protocol: it can say anything at any moment.

use std::time::Duration;

use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
use tenantry_wire::backend::{self, Authentication};
use tenantry_wire::frontend::{self, ProtocolVersion};
use tenantry_wire::tag::backend as tag;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::line::{self, Line};
use super::{Login, Request};
use crate::verify::outcome::Stop;

/// No answer within this is none.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of answers that are kept; a proxy that sends more is broken.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
const CHUNK_BYTES: usize = 16 * 1024;

/// What came up to ReadyForQuery, or up to the end of the connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) rows: Vec<Vec<String>>,
    /// SQLSTATEs.
    pub(super) errors: Vec<String>,
    /// ReadyForQuery came, and with this status.
    pub(super) ready: Option<u8>,
}

impl Answer {
    /// The first value, where there is one row and no error.
    pub(super) fn value(&self) -> Option<&str> {
        let one = self.rows.len() == 1 && self.errors.is_empty();
        self.rows.first().filter(|_| one)?.first().map(String::as_str)
    }
}

/// A connection to the proxy.
pub(super) struct Client {
    pub(super) stream: Line,
    buffer: Vec<u8>,
    pub(super) process: i32,
    pub(super) secret: Vec<u8>,
}

impl Client {
    /// A connection that has said nothing.
    pub(super) async fn open(request: &Request) -> Result<Self, Stop> {
        let opened = tokio::time::timeout(ANSWERS_WITHIN, line::open(request)).await;
        let stream = opened.map_err(|_| Stop("the proxy does not answer".into()))??;
        Ok(Self { stream, buffer: Vec::new(), process: 0, secret: Vec::new() })
    }

    /// Logs in. The inner error is the SQLSTATE it was refused with.
    pub(super) async fn log_in(
        request: &Request,
        login: &Login,
        more: &[(&str, &str)],
    ) -> Result<Result<Self, String>, Stop> {
        let mut client = Self::open(request).await?;
        let mut parameters = vec![("user", login.user.as_str()), ("database", request.database.as_str())];
        parameters.extend(more);
        let mut out = Vec::new();
        frontend::write_startup(&mut out, ProtocolVersion::V3_0, &parameters).map_err(stop)?;
        client.send(&out).await;
        let mut scram = ScramSha256::new(login.password.as_bytes(), ChannelBinding::unsupported());
        loop {
            let Some((tag, body)) = client.message().await? else { return Ok(Err(String::new())) };
            let mut out = Vec::new();
            match tag {
                tag::AUTHENTICATION => match backend::authentication(&body).map_err(stop)? {
                    Authentication::Ok => {}
                    Authentication::Sasl { .. } => {
                        frontend::write_sasl_initial(&mut out, "SCRAM-SHA-256", scram.message()).map_err(stop)?;
                    }
                    Authentication::SaslContinue(data) => {
                        scram.update(data).map_err(stop)?;
                        frontend::write_sasl_response(&mut out, scram.message()).map_err(stop)?;
                    }
                    Authentication::SaslFinal(data) => scram.finish(data).map_err(stop)?,
                    // the password is sent to nobody who does not prove to know it
                    _ => return Err(Stop("the proxy asks for the password in another way than SCRAM-SHA-256".into())),
                },
                tag::BACKEND_KEY_DATA => {
                    let (process, secret) = backend::backend_key_data(&body).map_err(stop)?;
                    (client.process, client.secret) = (process, secret.to_vec());
                }
                tag::ERROR_RESPONSE => return Ok(Err(backend::error_fields(&body).map_err(stop)?.code.to_owned())),
                tag::READY_FOR_QUERY => return Ok(Ok(client)),
                _ => {}
            }
            client.send(&out).await;
        }
    }

    /// Sends; a connection that was closed is noticed when reading.
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        let _ = tokio::time::timeout(ANSWERS_WITHIN, self.stream.write_all(bytes)).await;
    }

    /// The next message; `None` at the end.
    pub(super) async fn message(&mut self) -> Result<Option<(u8, Vec<u8>)>, Stop> {
        loop {
            let header = backend::header(&self.buffer).map_err(stop)?;
            if let Some(header) = header.filter(|header| self.buffer.len() >= header.len) {
                let body = self.buffer[5..header.len].to_vec();
                self.buffer.drain(..header.len);
                return Ok(Some((header.tag, body)));
            }
            if self.buffer.len() > ANSWER_BYTES_MAX {
                return Err(Stop("an answer that is too long".into()));
            }
            let mut chunk = vec![0; CHUNK_BYTES];
            let read = tokio::time::timeout(ANSWERS_WITHIN, self.stream.read(&mut chunk)).await;
            match read.map_err(|_| Stop("no answer came".into()))? {
                Ok(count) if count > 0 => self.buffer.extend_from_slice(&chunk[..count]),
                _ => return Ok(None),
            }
        }
    }

    /// Everything up to ReadyForQuery.
    pub(super) async fn answer(&mut self) -> Result<Answer, Stop> {
        let mut answer = Answer::default();
        while let Some((tag, body)) = self.message().await? {
            match tag {
                tag::DATA_ROW => {
                    let text = |v: Option<&[u8]>| String::from_utf8_lossy(v.unwrap_or_default()).into_owned();
                    answer.rows.push(backend::data_row(&body).map_err(stop)?.iter().map(text).collect());
                }
                tag::ERROR_RESPONSE => {
                    answer.errors.push(backend::error_fields(&body).map_err(stop)?.code.to_owned());
                }
                tag::READY_FOR_QUERY => {
                    answer.ready = body.first().copied();
                    break;
                }
                _ => {}
            }
        }
        Ok(answer)
    }

    /// Sends and waits for the answer.
    pub(super) async fn say(&mut self, bytes: &[u8]) -> Result<Answer, Stop> {
        self.send(bytes).await;
        self.answer().await
    }

    /// A simple query.
    pub(super) async fn query(&mut self, sql: &str) -> Result<Answer, Stop> {
        self.say(&query(sql)?).await
    }
}

/// A Query message.
pub(super) fn query(sql: &str) -> Result<Vec<u8>, Stop> {
    let mut out = Vec::new();
    frontend::write_query(&mut out, sql.as_bytes()).map_err(stop)?;
    Ok(out)
}

/// Parse, Bind, Execute under this name, without a Sync.
pub(super) fn batch(name: &str, sql: &str) -> Result<Vec<u8>, Stop> {
    let mut out = Vec::new();
    frontend::write_parse(&mut out, name.as_bytes(), sql.as_bytes(), &[0, 0]).map_err(stop)?;
    out.extend(execution(name)?);
    Ok(out)
}

/// Bind and Execute of this name, without a Sync.
pub(super) fn execution(name: &str) -> Result<Vec<u8>, Stop> {
    let mut out = Vec::new();
    frontend::write_bind(&mut out, b"", name.as_bytes(), &[], &[], &[]).map_err(stop)?;
    frontend::write_execute(&mut out, b"", 0).map_err(stop)?;
    Ok(out)
}

/// With a Sync behind.
pub(super) fn synced(mut out: Vec<u8>) -> Vec<u8> {
    frontend::write_sync(&mut out);
    out
}

/// An attack cannot go on.
pub(super) fn stop(error: impl std::fmt::Display) -> Stop {
    Stop(error.to_string())
}
