//! Making a server connection: TLS, SCRAM, settings, and the binding of its session.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256};
use postgres_protocol::escape;
use rustls::pki_types::ServerName;
use secrecy::ExposeSecret;
use tenantry_model::KeyKind;
use tenantry_wire::backend::{self, Authentication, TransactionStatus};
use tenantry_wire::frontend;
use tenantry_wire::frontend::ProtocolVersion;
use tenantry_wire::scram;
use tenantry_wire::tag::backend as tag;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::bound::{Bound, kind_of};
use super::{Pool, Slot};
use crate::buffer::Buffer;
use crate::link::{Held, Link, Passing, Shown};
use crate::settings::Server;
use crate::statements::Prepared;
use crate::stream::Stream;

/// Since this version an implicit transaction that a pipeline began goes on over a simple query.
const QUERIES_JOIN_SINCE: u32 = 18;
/// Memory a connection keeps for what it sends: most messages of a client fit.
const KEPT_BYTES: usize = 4 * 1024;
/// Longest message of a server while logging in.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// More rounds of SCRAM than this are not done for a server: they would keep the thread busy.
const SCRAM_MESSAGES_MAX: usize = 8 * 1024;

/// Why a server connection could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The network says no.
    #[error("cannot reach the server at {at}")]
    Unreachable {
        /// Where.
        at: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It took too long.
    #[error("the server at {at} did not finish the login in time")]
    TooLong {
        /// Where.
        at: String,
    },
    /// The server refuses.
    #[error("the server at {at} refuses login `{user}`: {message} ({code})")]
    Refused {
        /// Where.
        at: String,
        /// Whom.
        user: String,
        /// What it said.
        message: String,
        /// SQLSTATE.
        code: String,
    },
    /// It does not speak TLS.
    #[error("the server at {at} does not speak TLS")]
    NoTls {
        /// Where.
        at: String,
    },
    /// TLS failed.
    #[error("TLS with the server at {at} failed")]
    Tls {
        /// Where.
        at: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It asks for a password in a way that gives it away.
    #[error("the server at {at} asks for {method} instead of SCRAM-SHA-256")]
    Method {
        /// Where.
        at: String,
        /// For what.
        method: &'static str,
    },
    /// The tenants' file is for another type of key.
    #[error("the tenants of `{database}` have keys of type {expected:?}, the database has {found:?}")]
    OtherKind {
        /// Which database.
        database: String,
        /// What it has.
        found: KeyKind,
        /// What the tenants' file says.
        expected: KeyKind,
    },
    /// The login's own settings come back.
    #[error("login `{user}` has settings of its own that cannot be taken away")]
    OwnSettings {
        /// Which.
        user: String,
    },
    /// It is no PostgreSQL server, or broken.
    #[error("the server at {at} does not follow the protocol: {what}")]
    Protocol {
        /// Where.
        at: String,
        /// What was wrong.
        what: String,
    },
}

impl ConnectError {
    /// What an operator can do.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::TooLong { .. } => "check that the server runs and the address is right",
            Self::Refused { .. } => "check the credentials file and pg_hba.conf",
            Self::NoTls { .. } | Self::Tls { .. } => "check the server's certificate and [proxy.server_tls]",
            Self::Method { .. } => "let pg_hba.conf ask for scram-sha-256",
            Self::OtherKind { .. } => "correct keyKind in the tenants' file, or `key` of the database's section",
            Self::OwnSettings { .. } => "ALTER ROLE … RESET ALL as an administrator",
            Self::Protocol { .. } => "check that the address is that of a PostgreSQL server",
        }
    }
}

/// Makes a connection on the side and tells the pool.
pub(super) fn spawn(pool: Rc<Pool>, slot: Slot) {
    tokio::task::spawn_local(async move {
        let within = pool.database.connect_within;
        let result = match tokio::time::timeout(within, connect(&pool, &slot)).await {
            Ok(result) => result,
            Err(_) => Err(ConnectError::TooLong { at: at(&pool.database.server) }),
        };
        pool.connected(slot, result);
    });
}

fn at(server: &Server) -> String {
    format!("{}:{}", server.host, server.port)
}

/// A connection without a protocol yet.
pub(crate) async fn open(server: &Server) -> Result<(Stream, Option<Vec<u8>>), ConnectError> {
    let unreachable = |source| ConnectError::Unreachable { at: at(server), source };
    if server.host.starts_with('/') {
        let path = format!("{}/.s.PGSQL.{}", server.host, server.port);
        return Ok((Stream::Unix(UnixStream::connect(path).await.map_err(unreachable)?), None));
    }
    let mut tcp = TcpStream::connect((server.host.as_str(), server.port)).await.map_err(unreachable)?;
    tcp.set_nodelay(true).map_err(unreachable)?;
    let Some(tls) = &server.tls else { return Ok((Stream::Tcp(tcp), None)) };
    let mut request = Vec::new();
    frontend::write_ssl_request(&mut request);
    tcp.write_all(&request).await.map_err(unreachable)?;
    match tcp.read_u8().await.map_err(unreachable)? {
        b'S' => {}
        b'N' if !tls.required => return Ok((Stream::Tcp(tcp), None)),
        b'N' => return Err(ConnectError::NoTls { at: at(server) }),
        other => {
            return Err(ConnectError::Protocol {
                at: at(server),
                what: format!("answer {other} to a request for TLS"),
            });
        }
    }
    let failed = |source| ConnectError::Tls { at: at(server), source };
    let name = ServerName::try_from(server.host.clone())
        .map_err(|e| failed(io::Error::new(io::ErrorKind::InvalidInput, e)))?;
    let stream = TlsConnector::from(tls.config.clone()).connect(name, tcp).await.map_err(failed)?;
    let end_point = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).and_then(|c| scram::end_point(c));
    Ok((Stream::Tls(Box::new(stream)), end_point))
}

async fn connect(pool: &Pool, slot: &Slot) -> Result<Box<Link>, ConnectError> {
    match connect_once(pool, slot).await? {
        Made::Whole(link) => Ok(link),
        // what it began with was taken away: the next one begins without
        Made::Healed => match connect_once(pool, slot).await? {
            Made::Whole(link) => Ok(link),
            Made::Healed => Err(ConnectError::OwnSettings { user: slot.user.to_string() }),
        },
    }
}

/// What came of one try.
enum Made {
    /// A connection.
    Whole(Box<Link>),
    /// None: a client had given the login settings of its own, with which every new connection begins.
    Healed,
}

async fn connect_once(pool: &Pool, slot: &Slot) -> Result<Made, ConnectError> {
    let server = &pool.database.server;
    let (stream, end_point) = open(server).await?;
    let mut talk = Talk { stream, buffer: Vec::new(), at: at(server), user: slot.user.to_string() };

    let mut out = Vec::new();
    let parameters = [
        ("user", &*slot.user),
        ("database", &pool.database.server_name),
        ("client_encoding", "UTF8"),
        ("application_name", "tenantry"),
    ];
    talk.written(frontend::write_startup(&mut out, ProtocolVersion::V3_0, &parameters))?;
    talk.send(&out).await?;
    talk.log_in(slot, end_point).await?;

    let (mut process, mut secret, mut told) = (0, Rc::from([]), Vec::new());
    loop {
        let (tag, body) = talk.message().await?;
        match tag {
            tag::BACKEND_KEY_DATA => {
                let (pid, key) = talk.read(backend::backend_key_data(&body))?;
                (process, secret) = (pid, Rc::from(key));
            }
            tag::PARAMETER_STATUS => {
                let (name, value) = talk.read(backend::parameter_status(&body))?;
                told.push((name.into(), value.into()));
            }
            tag::NOTICE_RESPONSE => {}
            tag::READY_FOR_QUERY => break,
            other => return Err(talk.out_of_turn(other)),
        }
    }
    let standby =
        told.iter().any(|(name, value): &(Box<str>, Box<str>)| &**name == "in_hot_standby" && &**value == "on");
    let session_no = if pool.signer.is_some() && !standby {
        if talk.has_own_settings().await? {
            tracing::warn!(database = %pool.database.name, "login {} had settings of its own; they are taken away", slot.user);
            talk.take_settings_away(&pool.database.server_name).await?;
            return Ok(Made::Healed);
        }
        let bound = talk.bind().await?;
        bound.check(pool)?;
        Some(bound.session_no)
    } else {
        None
    };
    let needs_sync = major(&told).is_none_or(|major| major >= QUERIES_JOIN_SINCE);
    pool.welcome.borrow_mut().get_or_insert_with(|| Rc::new(told));
    let now = Instant::now();
    let shown = Rc::new(Shown { process, user: Rc::clone(&slot.user), made_at: now });
    Ok(Made::Whole(Box::new(Link {
        shown,
        stateless_until: None,
        read_only: false,
        stream: talk.stream,
        slot: slot.clone(),
        process,
        secret,
        session_no,
        counter: 0,
        held: Held::Nobody,
        status: TransactionStatus::Idle,
        out: Buffer::keeping(KEPT_BYTES),
        partial: Vec::new(),
        passing: Passing::default(),
        expect: VecDeque::new(),
        unsynced: false,
        skipping: false,
        copy_in: false,
        prepared: Prepared::default(),
        parameters: Rc::clone(&pool.base),
        base: Rc::clone(&pool.base),
        entered_inside: false,
        rolled_back: false,
        held_cursors: 0,
        over_time: false,
        was_reset: false,
        inline_refusals: false,
        refused_inside: None,
        dirty: false,
        kept: false,
        doomed: None,
        standby,
        needs_sync,
        cancels: Rc::new(Cell::new(0)),
        made_at: now,
        used_at: now,
    })))
}

/// The major version a server told.
fn major(told: &[(Box<str>, Box<str>)]) -> Option<u32> {
    let (_, version) = told.iter().find(|(name, _)| &**name == "server_version")?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A conversation that goes step by step.
struct Talk {
    stream: Stream,
    buffer: Vec<u8>,
    at: String,
    user: String,
}

impl Talk {
    async fn send(&mut self, bytes: &[u8]) -> Result<(), ConnectError> {
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        let sent = sent.await;
        sent.map_err(|source| ConnectError::Unreachable { at: self.at.clone(), source })
    }

    fn protocol(&self, what: impl ToString) -> ConnectError {
        ConnectError::Protocol { at: self.at.clone(), what: what.to_string() }
    }

    fn out_of_turn(&self, tag: u8) -> ConnectError {
        self.protocol(format_args!("message `{}` out of turn", char::from(tag)))
    }

    fn read<T>(&self, read: Result<T, tenantry_wire::WireError>) -> Result<T, ConnectError> {
        read.map_err(|e| self.protocol(e))
    }

    fn written(&self, written: Result<(), tenantry_wire::WireError>) -> Result<(), ConnectError> {
        self.read(written)
    }

    /// The next message; an error of the server is an error here.
    async fn message(&mut self) -> Result<(u8, Vec<u8>), ConnectError> {
        loop {
            if let Some(header) = self.read(backend::header(&self.buffer))? {
                if header.len > MESSAGE_BYTES_MAX {
                    return Err(self.protocol("a message that is too long"));
                }
                if self.buffer.len() >= header.len {
                    let rest = self.buffer.split_off(header.len);
                    let message = std::mem::replace(&mut self.buffer, rest);
                    let body = message[5..].to_vec();
                    if header.tag == tag::ERROR_RESPONSE {
                        let fields = self.read(backend::error_fields(&body))?;
                        return Err(ConnectError::Refused {
                            at: self.at.clone(),
                            user: self.user.clone(),
                            message: fields.message.to_string(),
                            code: fields.code.to_string(),
                        });
                    }
                    return Ok((header.tag, body));
                }
            }
            let mut chunk = [0; 4096];
            let count = self
                .stream
                .read(&mut chunk)
                .await
                .map_err(|source| ConnectError::Unreachable { at: self.at.clone(), source })?;
            if count == 0 {
                return Err(self.protocol("it closed the connection"));
            }
            self.buffer.extend_from_slice(&chunk[..count]);
        }
    }

    async fn log_in(&mut self, slot: &Slot, end_point: Option<Vec<u8>>) -> Result<(), ConnectError> {
        let mut scram: Option<ScramSha256> = None;
        loop {
            let (tag, body) = self.message().await?;
            match tag {
                tag::AUTHENTICATION => {}
                tag::NOTICE_RESPONSE | tag::NEGOTIATE_PROTOCOL_VERSION => continue,
                other => return Err(self.out_of_turn(other)),
            }
            let mut out = Vec::new();
            match self.read(backend::authentication(&body))? {
                Authentication::Ok => return Ok(()),
                Authentication::Sasl { mechanisms } => {
                    let (binding, mechanism) = match &end_point {
                        Some(hash) if mechanisms.contains(&SCRAM_SHA_256_PLUS) => {
                            (ChannelBinding::tls_server_end_point(hash.clone()), SCRAM_SHA_256_PLUS)
                        }
                        Some(_) if mechanisms.contains(&SCRAM_SHA_256) => {
                            (ChannelBinding::unrequested(), SCRAM_SHA_256)
                        }
                        None if mechanisms.contains(&SCRAM_SHA_256) => (ChannelBinding::unsupported(), SCRAM_SHA_256),
                        _ => return Err(ConnectError::Method { at: self.at.clone(), method: "an unknown mechanism" }),
                    };
                    let exchange = ScramSha256::new(slot.password.expose_secret().as_bytes(), binding);
                    self.read(frontend::write_sasl_initial(&mut out, mechanism, exchange.message()))?;
                    scram = Some(exchange);
                }
                Authentication::SaslContinue(data) => {
                    let Some(exchange) = &mut scram else { return Err(self.out_of_turn(tag)) };
                    if data.len() > SCRAM_MESSAGES_MAX || iterations(data) > ITERATIONS_MAX {
                        return Err(self.protocol("it asks for too much work at login"));
                    }
                    exchange
                        .update(data)
                        .map_err(|e| ConnectError::Protocol { at: self.at.clone(), what: e.to_string() })?;
                    self.read(frontend::write_sasl_response(&mut out, exchange.message()))?;
                }
                Authentication::SaslFinal(data) => {
                    let Some(exchange) = &mut scram else { return Err(self.out_of_turn(tag)) };
                    exchange
                        .finish(data)
                        .map_err(|e| ConnectError::Protocol { at: self.at.clone(), what: e.to_string() })?;
                    continue;
                }
                Authentication::CleartextPassword => {
                    return Err(ConnectError::Method { at: self.at.clone(), method: "the password in the clear" });
                }
                Authentication::Md5 { .. } => return Err(ConnectError::Method { at: self.at.clone(), method: "md5" }),
                Authentication::Other(_) => {
                    return Err(ConnectError::Method { at: self.at.clone(), method: "another method" });
                }
            }
            self.send(&out).await?;
        }
    }

    /// Binds the session for signed contexts.
    async fn bind(&mut self) -> Result<Bound, ConnectError> {
        let row = self.run(include_str!("bind.sql")).await?;
        let [Some(number), Some(cells)] = row.as_slice() else {
            return Err(self.protocol("no answer to the binding of the session"));
        };
        let session_no = number.parse().map_err(|_| self.protocol("no number of the session"))?;
        Ok(Bound { session_no, kind: kind_of(cells) })
    }

    /// Whether somebody gave the login settings with which each of its connections begins.
    async fn has_own_settings(&mut self) -> Result<bool, ConnectError> {
        // one of them may be a time too short for any answer
        self.run("SET statement_timeout = 0").await?;
        let row = self.run(include_str!("own_settings.sql")).await?;
        self.run("RESET statement_timeout").await?;
        Ok(row.first().and_then(Option::as_deref) != Some("0"))
    }

    /// Takes them away. They hold on this connection still, so those that would prevent it are set first.
    async fn take_settings_away(&mut self, database: &str) -> Result<(), ConnectError> {
        let database = escape::escape_identifier(database);
        for statement in [
            "SET statement_timeout = 0",
            "SET default_transaction_read_only = off",
            "ALTER ROLE CURRENT_USER RESET ALL",
            &format!("ALTER ROLE CURRENT_USER IN DATABASE {database} RESET ALL"),
        ] {
            self.run(statement).await?;
        }
        Ok(())
    }

    /// Runs a query of ours; gives the last row as text.
    async fn run(&mut self, query: &str) -> Result<Vec<Option<String>>, ConnectError> {
        let mut out = Vec::new();
        self.written(frontend::write_query(&mut out, query.as_bytes()))?;
        self.send(&out).await?;
        let mut last = Vec::new();
        loop {
            let (tag, body) = self.message().await?;
            match tag {
                tag::DATA_ROW => {
                    let row = self.read(backend::data_row(&body))?;
                    last = row.iter().map(|v| v.map(|v| String::from_utf8_lossy(v).into_owned())).collect();
                }
                tag::READY_FOR_QUERY => return Ok(last),
                tag::ROW_DESCRIPTION | tag::COMMAND_COMPLETE | tag::NOTICE_RESPONSE | tag::PARAMETER_STATUS => {}
                other => return Err(self.out_of_turn(other)),
            }
        }
    }
}

/// The server's default is 4096; a hundred times that is still done.
const ITERATIONS_MAX: u32 = 409_600;

/// The number of iterations in a server-first message; too large a number if it cannot be read.
fn iterations(message: &[u8]) -> u32 {
    let text = std::str::from_utf8(message).unwrap_or_default();
    text.split(',').find_map(|part| part.strip_prefix("i=")).and_then(|n| n.parse().ok()).unwrap_or(u32::MAX)
}
