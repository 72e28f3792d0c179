//! What a proxy is started with. The binary reads files and the environment; here are only values.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tenantry_edge::admission::PassKeys;
use tenantry_edge::directory::Directory;
use tenantry_model::token::ContextKey;
use tenantry_wire::scram::Verifier;

/// Everything.
pub struct Settings {
    /// Addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// Folder of the Unix socket `.s.PGSQL.<port>`, with the port of the first address.
    pub socket_folder: Option<PathBuf>,
    /// Threads. Each has its own part of every pool.
    pub workers: usize,
    /// What clients may connect to.
    pub databases: Vec<Arc<Database>>,
    /// Who may connect.
    pub logins: Vec<Arc<LoginSettings>>,
    /// Between role and tenant in a user name.
    pub separator: char,
    /// Settings by which a trusted backend names its tenant.
    pub presets: Vec<String>,
    /// Further settings that clients may give when connecting.
    pub parameters: Vec<String>,
    /// TLS towards clients.
    pub tls: Option<Arc<ClientTls>>,
    /// Most client connections of one worker.
    pub clients_max: usize,
    /// Most prepared statements on one server connection.
    pub prepared_max: usize,
    /// Longest wait for a server connection where the plan says nothing.
    pub queue_wait: Duration,
    /// Longest time a client may take to log in.
    pub login_within: Duration,
    /// How long a client may leave unread what a server connection waits to be rid of.
    pub read_within: Duration,
    /// How long open transactions may go on after a request to stop.
    pub drain_within: Duration,
    /// From which salts of unknown users are made, so that they are the same each time.
    pub mock_secret: [u8; 32],
}

/// TLS towards clients.
pub struct ClientTls {
    /// Certificates and what is asked of clients.
    pub config: Arc<rustls::ServerConfig>,
    /// The hash of our certificate for channel binding (`tenantry_wire::scram::end_point`); `None` where its signature
    /// names no hash.
    pub end_point: Option<Vec<u8>>,
    /// Clients without TLS are refused, except on the Unix socket.
    pub required: bool,
}

/// How long a client keeps a server connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// For a transaction.
    Transaction,
    /// Until it leaves.
    Session,
}

/// A database that clients connect to.
pub struct Database {
    /// Its name towards clients.
    pub name: Arc<str>,
    /// Its name on the server.
    pub server_name: String,
    /// Where the server is.
    pub server: Server,
    /// Logins, one per server connection.
    pub slots: Vec<SlotLogin>,
    /// How contexts are signed; `None` where the database is not isolated.
    pub context_key: Option<Box<dyn Fn() -> ContextKey + Send + Sync>>,
    /// What checks tokens of the form `p1.…`.
    pub pass_keys: Option<PassKeys>,
    /// Its tenants.
    pub directory: Directory,
    /// How long a client keeps a server connection.
    pub mode: Mode,
    /// A server connection is not used for longer than this.
    pub lifetime: Duration,
    /// A server connection that was idle for this long is closed.
    pub idle_time: Duration,
    /// Longest time for making a server connection.
    pub connect_within: Duration,
}

impl Database {
    /// Whether both are reached in the same way, so that connections to the one serve the other.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let slots = |d: &Self| -> Vec<(String, String)> {
            d.slots.iter().map(|s| (s.user.clone(), s.password.expose_secret().to_owned())).collect()
        };
        self.server_name == other.server_name
            && self.server.host == other.server.host
            && self.server.port == other.server.port
            && self.directory.is_same(&other.directory)
            && self.mode == other.mode
            && (self.lifetime, self.idle_time) == (other.lifetime, other.idle_time)
            && slots(self) == slots(other)
    }
}

/// Where a server is.
#[derive(Clone)]
pub struct Server {
    /// Name, address, or folder of a Unix socket.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS towards the server.
    pub tls: Option<ServerTls>,
}

/// TLS towards a server.
#[derive(Clone)]
pub struct ServerTls {
    /// What is trusted.
    pub config: Arc<rustls::ClientConfig>,
    /// A server that does not speak it is refused. Without this it is only tried.
    pub required: bool,
}

/// A login of the database.
#[derive(Clone)]
pub struct SlotLogin {
    /// Role.
    pub user: String,
    /// Password.
    pub password: SecretString,
}

/// A role of clients.
pub struct LoginSettings {
    /// Its name.
    pub name: String,
    /// What proves it, where it is used without a tenant. `None`: only with a tenant's credential, as `role.tenant`.
    pub verifier: Option<Verifier>,
    /// Databases it may use; empty: all.
    pub databases: Vec<String>,
    /// May use the console.
    pub admin: bool,
    /// Another mode than the database's.
    pub mode: Option<Mode>,
    /// Client certificates with this name (exact, in the subject's alternative names or common name) prove it too.
    pub certificate: Option<String>,
}

/// A role of clients, as a worker knows it.
pub(crate) struct Login {
    pub(crate) mode: Option<Mode>,
    pub(crate) name: std::rc::Rc<str>,
}
