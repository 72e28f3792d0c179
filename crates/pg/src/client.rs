//! An open connection, and the task that drives it.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::time::Duration;

use tenantry_model::literal;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::config::Host;
use tokio_postgres::{AsyncMessage, CancelToken, Connection, NoTls, Socket, tls::TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{ConnectError, in_plain_words};
use crate::target::{CONNECT_TIMEOUT_DEFAULT, SslMode, Target};
use crate::tls;

/// Longest wait for a connection to say good-bye.
const CLOSE_WAIT_MAX: Duration = Duration::from_secs(5);

/// Longest wait for a request to cancel to be sent.
const CANCEL_WAIT_MAX: Duration = Duration::from_secs(5);

/// Folders where servers put their Unix sockets when a target names no host.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// What a session's settings are before its first statement.
#[derive(Clone, Debug, Default)]
pub struct Session {
    settings: Vec<(String, String)>,
}

impl Session {
    /// The session as the server makes it: what an application gets.
    pub fn plain() -> Self {
        Self::default()
    }

    /// The session of a tool that works on somebody else's database: nothing that was stored for the role or the
    /// database bends names, texts or time limits.
    pub fn tool() -> Self {
        Self::plain()
            .with("search_path", "pg_catalog")
            .with("client_min_messages", "warning")
            .with("standard_conforming_strings", "on")
            .with("quote_all_identifiers", "off")
            .with("default_transaction_isolation", "read committed")
            .with("datestyle", "ISO")
            .with("intervalstyle", "iso_8601")
            .with("extra_float_digits", "1")
            .with("bytea_output", "hex")
            .with("statement_timeout", "0")
            .with("lock_timeout", "0")
            .with("idle_in_transaction_session_timeout", "0")
            .with("idle_session_timeout", "0")
            // queries over the catalog are estimated dear and run in milliseconds: compiling them takes seconds
            .with("jit", "off")
    }

    /// One more setting; the last of a name wins.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    fn sql(&self) -> Option<String> {
        let calls: Vec<String> = self
            .settings
            .iter()
            .map(|(name, value)| format!("pg_catalog.set_config({}, {}, false)", literal(name), literal(value)))
            .collect();
        (!calls.is_empty()).then(|| format!("SELECT {}", calls.join(", ")))
    }
}

/// An open connection. Derefs to the driver's client; the task behind it ends when this is dropped.
pub struct Client {
    // declared first: it must go before the task may end
    inner: tokio_postgres::Client,
    task: JoinHandle<()>,
    tls: Option<MakeRustlsConnect>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl Client {
    /// Says good-bye and waits until the connection is gone, so that the server has let go of it too.
    pub async fn close(self) {
        let Self { inner, mut task, .. } = self;
        drop(inner);
        if tokio::time::timeout(CLOSE_WAIT_MAX, &mut task).await.is_err() {
            task.abort();
        }
    }

    /// Asks the server to cancel the statement that runs here, if one does; then says good-bye as [`close`](Self::close)
    /// does. For a connection that somebody left in the middle of a statement: without it the statement would run on.
    pub async fn cancel_and_close(self) {
        let token = self.inner.cancel_token();
        if tokio::time::timeout(CANCEL_WAIT_MAX, cancel(token, self.tls.clone())).await.is_err() {
            tracing::debug!("a request to cancel was not taken in time");
        }
        self.close().await;
    }
}

impl Deref for Client {
    type Target = tokio_postgres::Client;
    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.inner
    }
}

async fn cancel(token: CancelToken, tls: Option<MakeRustlsConnect>) {
    let sent = match tls {
        Some(tls) => token.cancel_query(tls).await,
        None => token.cancel_query(NoTls).await,
    };
    if let Err(error) = sent {
        // the connection is closed whatever comes of it
        tracing::debug!("cannot cancel: {}", in_plain_words(&error));
    }
}

/// Connects with the settings of [`Session::tool`].
pub async fn connect(target: &Target) -> Result<Client, ConnectError> {
    connect_with(target, &Session::tool()).await
}

/// Connects and prepares the session as told.
pub async fn connect_with(target: &Target, session: &Session) -> Result<Client, ConnectError> {
    connect_to(target, session, None).await
}

/// Connects, and says on a channel that a notification came: which and how many does not matter, so one that is not
/// taken yet stands for those that follow. The channel ends with the connection.
pub async fn connect_and_hear(
    target: &Target,
    session: &Session,
    wake: mpsc::Sender<()>,
) -> Result<Client, ConnectError> {
    connect_to(target, session, Some(wake)).await
}

async fn connect_to(
    target: &Target,
    session: &Session,
    wake: Option<mpsc::Sender<()>>,
) -> Result<Client, ConnectError> {
    let target = &placed(target);
    let client = match open_in_time(target, wake.clone()).await {
        // as libpq: TLS was only preferred
        Err(ConnectError::Tls { .. }) if target.ssl_mode == SslMode::Prefer => {
            open_in_time(&target.with_ssl(SslMode::Disable, None), wake).await?
        }
        other => other?,
    };
    if let Some(sql) = session.sql() {
        client.batch_execute(&sql).await.map_err(|source| ConnectError::Session {
            at: target.at(),
            reason: in_plain_words(&source),
            source,
        })?;
    }
    Ok(client)
}

/// A target without a host means the local server: its Unix socket if there is one, else the loopback.
fn placed(target: &Target) -> Target {
    let mut target = target.clone();
    if target.config.get_hosts().is_empty() && target.config.get_hostaddrs().is_empty() {
        let name = format!(".s.PGSQL.{}", target.port());
        let folder = SOCKET_FOLDERS.into_iter().find(|f| Path::new(f).join(&name).exists());
        target.config.host(folder.unwrap_or("localhost"));
    }
    target
}

/// The driver limits how long a host may take to accept, not how long it may then be silent.
async fn open_in_time(target: &Target, wake: Option<mpsc::Sender<()>>) -> Result<Client, ConnectError> {
    let hosts = target.config.get_hosts().len().max(target.config.get_hostaddrs().len()).max(1) as u32;
    let limit = target.config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT_DEFAULT) * (hosts + 1);
    let silent = |_| ConnectError::Silent { at: target.at() };
    tokio::time::timeout(limit, open(target, wake)).await.map_err(silent)?
}

#[expect(clippy::disallowed_methods, reason = "this is the door that everybody else is sent to")]
async fn open(target: &Target, wake: Option<mpsc::Sender<()>>) -> Result<Client, ConnectError> {
    let mut config = target.config.clone();
    let unix = config.get_hosts().iter().all(|h| matches!(h, Host::Unix(_))) && config.get_hostaddrs().is_empty();
    config.ssl_mode(match target.ssl_mode {
        // a Unix socket has no TLS and needs none
        _ if unix => tokio_postgres::config::SslMode::Disable,
        SslMode::Disable => tokio_postgres::config::SslMode::Disable,
        SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => tokio_postgres::config::SslMode::Require,
    });
    let refused = |source| ConnectError::of(target, source);
    if config.get_ssl_mode() == tokio_postgres::config::SslMode::Disable {
        let (inner, connection) = config.connect(NoTls).await.map_err(refused)?;
        return Ok(Client { inner, task: tokio::spawn(drive(connection, wake)), tls: None });
    }
    let connector = tls::connector(target)?;
    let (inner, connection) = config.connect(connector.clone()).await.map_err(refused)?;
    Ok(Client { inner, task: tokio::spawn(drive(connection, wake)), tls: Some(connector) })
}

/// Moves bytes until the client is gone or the server is.
async fn drive<S: TlsStream + Unpin + Send + 'static>(
    mut connection: Connection<Socket, S>,
    wake: Option<mpsc::Sender<()>>,
) {
    while let Some(message) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) => tracing::debug!(code = notice.code().code(), "{}", notice.message()),
            Ok(AsyncMessage::Notification(_)) => {
                // full means that whoever hears was told already
                let _ = wake.as_ref().map(|wake| wake.try_send(()));
            }
            Ok(_) => {}
            Err(error) => {
                // whoever waits for an answer gets this error too; here it is only written down
                tracing::debug!("connection ended: {}", in_plain_words(&error));
                return;
            }
        }
    }
}
