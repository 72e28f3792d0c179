//! A thin client of the raw protocol: it can say anything at any moment, and keeps every byte it was told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
use tenantry_wire::backend::{self, Authentication};
use tenantry_wire::frontend::{self, ProtocolVersion, TargetKind};
use tenantry_wire::tag::backend as tag;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Nothing in these tests takes this long: a silence of this length is a hang.
const HANG: Duration = Duration::from_secs(20);

/// An error as the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// Bytes that are not printed: what they say stands beside them.
#[derive(Clone, Default)]
pub(crate) struct Bytes(Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// Everything up to ReadyForQuery, or up to the end of the connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) rows: Vec<Vec<Option<String>>>,
    pub(crate) errors: Vec<Told>,
    pub(crate) commands: Vec<String>,
    /// Types of all messages, in order.
    pub(crate) tags: String,
    /// `I`, `T` or `E`; a space if the connection ended instead.
    pub(crate) status: char,
    /// Every byte.
    pub(crate) bytes: Bytes,
}

impl Reply {
    /// The first column of each row.
    pub(crate) fn column(&self) -> Vec<&str> {
        self.rows.iter().map(|row| row[0].as_deref().unwrap_or("NULL")).collect()
    }

    /// The only value.
    #[track_caller]
    pub(crate) fn value(&self) -> &str {
        assert_eq!((self.rows.len(), self.errors.len()), (1, 0), "{self:?}");
        self.rows[0][0].as_deref().unwrap_or("NULL")
    }

    /// Code of the only error.
    #[track_caller]
    pub(crate) fn code(&self) -> &str {
        assert_eq!(self.errors.len(), 1, "{self:?}");
        &self.errors[0].code
    }

    /// Asserts that there was no error.
    #[track_caller]
    pub(crate) fn good(self) -> Self {
        assert!(self.errors.is_empty() && self.status != ' ', "{self:?}");
        self
    }

    /// Without the row that a naming SELECT gives.
    pub(crate) fn without_first(mut self, naming: &str) -> Self {
        if naming.starts_with("SELECT") {
            self.rows.remove(0);
        }
        self
    }

    /// Whether a text is anywhere in what came.
    pub(crate) fn holds(&self, text: &str) -> bool {
        self.bytes.0.windows(text.len()).any(|w| w == text.as_bytes())
    }
}

/// Messages to be sent in one write.
#[derive(Clone, Default)]
pub(crate) struct Batch(pub(crate) Vec<u8>);

impl Batch {
    pub(crate) fn parse(mut self, name: &str, sql: &str) -> Self {
        frontend::write_parse(&mut self.0, name.as_bytes(), sql.as_bytes(), &[0, 0]).expect("a Parse");
        self
    }

    pub(crate) fn bind(self, statement: &str, values: &[&str]) -> Self {
        self.bind_to("", statement, values)
    }

    pub(crate) fn bind_to(mut self, portal: &str, statement: &str, values: &[&str]) -> Self {
        let values: Vec<_> = values.iter().map(|v| Some(v.as_bytes())).collect();
        frontend::write_bind(&mut self.0, portal.as_bytes(), statement.as_bytes(), &[], &values, &[]).expect("a Bind");
        self
    }

    pub(crate) fn describe(mut self, statement: &str) -> Self {
        frontend::write_describe(&mut self.0, TargetKind::Statement, statement.as_bytes()).expect("a Describe");
        self
    }

    pub(crate) fn close(mut self, statement: &str) -> Self {
        frontend::write_close(&mut self.0, TargetKind::Statement, statement.as_bytes()).expect("a Close");
        self
    }

    pub(crate) fn execute(self) -> Self {
        self.execute_some("", 0)
    }

    pub(crate) fn execute_some(mut self, portal: &str, rows: i32) -> Self {
        frontend::write_execute(&mut self.0, portal.as_bytes(), rows).expect("an Execute");
        self
    }

    /// Parse, Bind, Execute.
    pub(crate) fn run(self, sql: &str, values: &[&str]) -> Self {
        self.parse("", sql).bind("", values).execute()
    }

    pub(crate) fn query(mut self, sql: &str) -> Self {
        frontend::write_query(&mut self.0, sql.as_bytes()).expect("a Query");
        self
    }

    pub(crate) fn sync(mut self) -> Self {
        frontend::write_sync(&mut self.0);
        self
    }

    pub(crate) fn flush(mut self) -> Self {
        frontend::write_flush(&mut self.0);
        self
    }

    pub(crate) fn copy_data(mut self, data: &str) -> Self {
        frontend::write_copy_data(&mut self.0, data.as_bytes()).expect("CopyData");
        self
    }

    pub(crate) fn copy_done(mut self) -> Self {
        frontend::write_copy_done(&mut self.0);
        self
    }

    pub(crate) fn copy_fail(mut self) -> Self {
        frontend::write_copy_fail(&mut self.0, b"no").expect("CopyFail");
        self
    }
}

/// A connection.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
    pub(crate) process: i32,
    pub(crate) secret: Vec<u8>,
    pub(crate) settings: BTreeMap<String, String>,
}

impl Wire {
    /// A connection that has said nothing yet.
    pub(crate) async fn open(at: SocketAddr) -> Self {
        let stream = TcpStream::connect(at).await.expect("the proxy listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: Vec::new(), process: 0, secret: Vec::new(), settings: BTreeMap::new() }
    }

    /// Logs in; the error is what it was told.
    pub(crate) async fn log_in(at: SocketAddr, parameters: &[(&str, &str)], password: &str) -> Result<Self, Told> {
        let mut wire = Self::open(at).await;
        let mut out = Vec::new();
        frontend::write_startup(&mut out, ProtocolVersion::V3_0, parameters).expect("a startup message");
        wire.send(&out).await;
        wire.go_on(password).await?;
        Ok(wire)
    }

    /// The part of a login behind the startup message.
    pub(crate) async fn go_on(&mut self, password: &str) -> Result<(), Told> {
        let gone = || Told { code: String::new(), message: "the connection was closed".into() };
        let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        loop {
            let (tag, body) = self.message().await.ok_or_else(gone)?;
            let mut out = Vec::new();
            match tag {
                tag::AUTHENTICATION => match backend::authentication(&body).expect("an Authentication") {
                    Authentication::Ok => {}
                    Authentication::CleartextPassword => {
                        frontend::write_password(&mut out, password.as_bytes()).expect("a password");
                    }
                    Authentication::Sasl { .. } => {
                        frontend::write_sasl_initial(&mut out, "SCRAM-SHA-256", scram.message()).expect("a message");
                    }
                    Authentication::SaslContinue(data) => {
                        scram.update(data).expect("a challenge");
                        frontend::write_sasl_response(&mut out, scram.message()).expect("a message");
                    }
                    Authentication::SaslFinal(data) => scram.finish(data).expect("the server proves itself"),
                    other => panic!("asked for {other:?}"),
                },
                tag::BACKEND_KEY_DATA => {
                    let (process, secret) = backend::backend_key_data(&body).expect("a key");
                    (self.process, self.secret) = (process, secret.to_vec());
                }
                tag::PARAMETER_STATUS => {
                    let (name, value) = backend::parameter_status(&body).expect("a setting");
                    self.settings.insert(name.to_owned(), value.to_owned());
                }
                tag::ERROR_RESPONSE => return Err(told(&body)),
                tag::READY_FOR_QUERY => return Ok(()),
                tag::NEGOTIATE_PROTOCOL_VERSION => {}
                other => panic!("message `{}` at login", char::from(other)),
            }
            self.send(&out).await;
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        // a proxy that has closed the connection is noticed when reading
        let _ = self.stream.write_all(bytes).await;
    }

    /// The next message; `None` at the end.
    pub(crate) async fn message(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            let header = backend::header(&self.buffer).expect("messages of the protocol");
            if let Some(header) = header.filter(|header| self.buffer.len() >= header.len) {
                let body = self.buffer[5..header.len].to_vec();
                self.buffer.drain(..header.len);
                return Some((header.tag, body));
            }
            let mut chunk = vec![0; 16 * 1024];
            let read = tokio::time::timeout(HANG, self.stream.read(&mut chunk)).await;
            match read.expect("the proxy answers") {
                Ok(count) if count > 0 => self.buffer.extend_from_slice(&chunk[..count]),
                _ => return None,
            }
        }
    }

    /// Everything up to ReadyForQuery.
    pub(crate) async fn reply(&mut self) -> Reply {
        self.reply_until(b"Z").await
    }

    /// Everything up to a message of one of these types.
    pub(crate) async fn reply_until(&mut self, ends: &[u8]) -> Reply {
        let mut reply = Reply { status: ' ', ..Reply::default() };
        while let Some((tag, body)) = self.message().await {
            reply.tags.push(char::from(tag));
            reply.bytes.0.extend_from_slice(&body);
            match tag {
                tag::DATA_ROW => {
                    let row = backend::data_row(&body).expect("a row");
                    let text = |value: Option<&[u8]>| value.map(|v| String::from_utf8_lossy(v).into_owned());
                    reply.rows.push(row.iter().map(text).collect());
                }
                tag::COMMAND_COMPLETE => {
                    reply.commands.push(backend::command_complete(&body).expect("a command").to_owned());
                }
                tag::ERROR_RESPONSE => reply.errors.push(told(&body)),
                tag::PARAMETER_STATUS => {
                    let (name, value) = backend::parameter_status(&body).expect("a setting");
                    self.settings.insert(name.to_owned(), value.to_owned());
                }
                tag::READY_FOR_QUERY => reply.status = char::from(body[0]),
                _ => {}
            }
            if ends.contains(&tag) {
                break;
            }
        }
        reply
    }

    pub(crate) async fn query(&mut self, sql: &str) -> Reply {
        self.batch(Batch::default().query(sql)).await
    }

    /// Sends all at once and gives what comes up to the first ReadyForQuery.
    pub(crate) async fn batch(&mut self, batch: Batch) -> Reply {
        self.send(&batch.0).await;
        self.reply().await
    }

    /// The server process that works for this client now.
    pub(crate) async fn backend(&mut self) -> String {
        self.query("SELECT pg_backend_pid()").await.value().to_owned()
    }

    /// Closes at once, with a reset instead of a Terminate.
    pub(crate) fn reset(self) {
        socket_reset(&self.stream);
    }
}

fn socket_reset(stream: &TcpStream) {
    #[allow(deprecated, reason = "with zero seconds it never waits, whatever the name says")]
    stream.set_linger(Some(Duration::ZERO)).expect("a socket");
}

fn told(body: &[u8]) -> Told {
    let fields = backend::error_fields(body).expect("an error");
    Told { code: fields.code.to_string(), message: fields.message.to_string() }
}
