//! The section `[proxy]` of the configuration file, and what it becomes.

mod build;
pub(crate) mod passwords;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

pub(crate) use build::build;

/// `[proxy]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProxySection {
    /// Addresses to listen on.
    pub(crate) listen: Vec<SocketAddr>,
    /// Folder of a Unix socket.
    pub(crate) socket_folder: Option<PathBuf>,
    /// Address for metrics, health and readiness, over HTTP.
    pub(crate) metrics: Option<SocketAddr>,
    /// Threads.
    pub(crate) workers: usize,
    /// Between role and tenant in a user name.
    pub(crate) separator: char,
    /// Settings by which a trusted backend names its tenant.
    pub(crate) presets: Vec<String>,
    /// Further settings clients may give when connecting.
    pub(crate) parameters: Vec<String>,
    /// Most client connections.
    pub(crate) clients_max: usize,
    /// Most prepared statements on one server connection.
    pub(crate) prepared_max: usize,
    /// Longest wait for a server connection, in milliseconds, where the plan says nothing.
    pub(crate) queue_wait_ms: u64,
    /// Longest time for a login, in milliseconds.
    pub(crate) login_within_ms: u64,
    /// How long a client may leave unread what a server connection waits to be rid of, in milliseconds.
    pub(crate) read_within_ms: u64,
    /// How long open transactions may go on after a request to stop, in milliseconds.
    pub(crate) drain_within_ms: u64,
    /// TLS towards clients.
    pub(crate) tls: Option<TlsSection>,
    /// What clients may connect to.
    pub(crate) databases: BTreeMap<String, DatabaseSection>,
    /// Who may connect.
    pub(crate) logins: BTreeMap<String, LoginSection>,
}

impl Default for ProxySection {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 6432))],
            socket_folder: None,
            metrics: None,
            workers: 1,
            separator: '.',
            presets: [
                "app.tenant_id",
                "app.current_workspace_id",
                "app.current_tenant",
                "app.current_tenant_id",
                "rls.tenant_id",
            ]
            .map(str::to_owned)
            .to_vec(),
            parameters: Vec::new(),
            clients_max: 20_000,
            prepared_max: 500,
            queue_wait_ms: 30_000,
            login_within_ms: 15_000,
            read_within_ms: 60_000,
            drain_within_ms: 30_000,
            tls: None,
            databases: BTreeMap::new(),
            logins: BTreeMap::new(),
        }
    }
}

/// `[proxy.tls]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsSection {
    /// Certificate and its chain, PEM.
    pub(crate) certificate: PathBuf,
    /// Its key, PEM.
    pub(crate) key: PathBuf,
    /// Authorities of client certificates, PEM: clients that have one must show it.
    #[serde(default)]
    pub(crate) client_ca: Option<PathBuf>,
    /// Refuse clients without TLS.
    #[serde(default)]
    pub(crate) required: bool,
}

/// `[proxy.databases.NAME]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DatabaseSection {
    /// The file that `apply` wrote, for an isolated database.
    pub(crate) credentials: Option<PathBuf>,
    /// Host or folder of the Unix socket; the credentials' if left out.
    pub(crate) host: Option<String>,
    /// Port; the credentials' if left out.
    pub(crate) port: Option<u16>,
    /// Name on the server; the credentials', or the section's, if left out.
    pub(crate) database: Option<String>,
    /// Login of the server, for a database that is not isolated.
    pub(crate) user: Option<String>,
    /// File with its password.
    pub(crate) password_file: Option<PathBuf>,
    /// Server connections, for a database that is not isolated; otherwise one per login of the credentials.
    pub(crate) connections: Option<usize>,
    /// `transaction` or `session`.
    pub(crate) mode: Option<ModeName>,
    /// Type of the tenant key: `uuid`, `integer`, `bigint` or `text`.
    pub(crate) key: Option<KeyName>,
    /// The tenants' file. Without one, every well-formed key is a tenant.
    pub(crate) directory: Option<PathBuf>,
    /// A server connection is not used for longer, in seconds.
    pub(crate) lifetime_s: Option<u64>,
    /// A server connection that was idle for this long is closed, in seconds.
    pub(crate) idle_s: Option<u64>,
    /// Longest time for making a server connection, in milliseconds.
    pub(crate) connect_within_ms: Option<u64>,
    /// TLS towards the server: `disable`, `prefer`, `require`, `verify-ca`, `verify-full`.
    pub(crate) sslmode: Option<SslModeName>,
    /// Authorities of the server's certificate, PEM.
    pub(crate) sslrootcert: Option<PathBuf>,
}

/// How long a client keeps a server connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ModeName {
    Transaction,
    Session,
}

/// libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SslModeName {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Types of tenant keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyName {
    Uuid,
    Integer,
    Bigint,
    Text,
}

/// `[proxy.logins.NAME]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LoginSection {
    /// `SCRAM-SHA-256$…`, as PostgreSQL stores it.
    pub(crate) verifier: Option<String>,
    /// File with the password, instead of the verifier.
    pub(crate) password_file: Option<PathBuf>,
    /// Databases it may use; all if left out.
    pub(crate) databases: Vec<String>,
    /// May use the console.
    pub(crate) admin: bool,
    /// Another mode than the database's.
    pub(crate) mode: Option<ModeName>,
    /// Name in a client certificate that proves it too.
    pub(crate) certificate: Option<String>,
}
