//! One durable server for one user: found again, recovered and started by every run, stopped with it.
//!
//! Its folder holds `data` (the cluster), `password`, `log`, `port`, `run` (the Unix socket) and `lock`, which the
//! program holds as long as it runs. If we are root, the folder is root's and only `data`, `run` and `log` are the
//! server's, so that whoever gets hold of the server cannot make root write where he likes. A crash at any moment leaves nothing that the next start does not clear up:
//! half-made clusters, servers without a program, and pid files whose number went to somebody else.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tenantry_model::ServerVersion;

use crate::account::Account;
use crate::binaries::{self, Binaries};
use crate::cluster;
use crate::error::Error;
use crate::pidfile::{self, PidFile};
use crate::supervisor::{Run, Server};
use crate::wait;

/// Longest path of a Unix socket that every operating system takes, the file's own name left out.
const SOCKET_FOLDER_BYTES_MAX: usize = 80;
/// Longest wait for a server that an earlier run left behind.
const LEFTOVER_WAIT_MAX: Duration = Duration::from_secs(60);
/// Longest wait for the last processes of a server that crashed.
const ORPHANS_WAIT_MAX: Duration = Duration::from_secs(10);
/// How often to try another port.
const PORT_TRIES_MAX: u32 = 10;

/// Settings of the server.
const SETTINGS: &[(&str, &str)] = &[
    ("cluster_name", "tenantry"),
    ("max_connections", "200"),
    ("wal_level", "logical"),
    ("unix_socket_permissions", "0700"),
    ("password_encryption", "scram-sha-256"),
    ("log_line_prefix", "%m [%p] "),
];

/// Where and with what to run the server. The default is right for `tenantry up`.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The server's folder; [`data_directory`] if not given.
    pub folder: Option<PathBuf>,
    /// Folder of PostgreSQL's programs; looked for if not given.
    pub binaries: Option<PathBuf>,
    /// The loopback port; the one of the last run, or any free one, if not given.
    pub port: Option<u16>,
}

/// A running server of our own. Dropping it stops the server.
#[derive(Debug)]
pub struct Embedded {
    // declared before the lock: the server must be gone when the lock is
    server: Server,
    folder: PathBuf,
    socket: Option<PathBuf>,
    port: u16,
    password: SecretString,
    binaries: Binaries,
    _lock: File,
}

/// Where the server of this user lives: `tenantry/postgres` below `XDG_DATA_HOME` or `~/.local/share`. Root's server
/// runs as another user, who may not enter root's home: it lives in `/var/lib`.
pub fn data_directory() -> PathBuf {
    let named = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let base = named.unwrap_or_else(|| match rustix::process::geteuid().is_root() {
        true => PathBuf::from("/var/lib"),
        false => PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".local/share"),
    });
    base.join("tenantry/postgres")
}

impl Embedded {
    /// Starts the server, and makes it first if there is none; waits until it takes connections.
    pub async fn start(options: Options) -> Result<Self, Error> {
        match tokio::task::spawn_blocking(move || Self::start_blocking(&options)).await {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    /// The same for programs without an async runtime.
    pub fn start_blocking(options: &Options) -> Result<Self, Error> {
        let folder = options.folder.clone().unwrap_or_else(data_directory);
        let data = folder.join("data");
        let account = owner_of(&data).map_or_else(Account::choose, Ok)?;
        check_folder(&folder)?;
        cluster::make_own_folder(&folder, if account == Account::Ourselves { 0o700 } else { 0o711 })?;
        let lock = lock(&folder)?;
        let binaries = programs_for(&data, options.binaries.as_deref())?;
        let password = make_cluster(&folder, &data, &binaries, account)?;
        stop_leftover(&data)?;
        let socket = socket_folder(&folder, account)?;
        let (server, port) = start_server(options, &folder, &data, &binaries, account, socket.as_deref())?;
        remember(&folder.join("port"), &port.to_string())?;
        Ok(Self { server, folder, socket, port, password, binaries, _lock: lock })
    }

    /// The folder of the Unix socket, or the loopback address where paths are too long for one.
    pub fn host(&self) -> String {
        self.socket.as_ref().map_or_else(|| "127.0.0.1".into(), |s| s.display().to_string())
    }

    /// The port, on the socket and on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The superuser.
    pub fn user(&self) -> &'static str {
        cluster::SUPERUSER
    }

    /// The superuser's password.
    pub fn password(&self) -> &SecretString {
        &self.password
    }

    /// Version of the server.
    pub fn version(&self) -> ServerVersion {
        self.binaries.version
    }

    /// The programs it runs with.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its log.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// The server's process.
    pub fn pid(&self) -> i32 {
        self.server.pid()
    }

    /// Whether the server still runs.
    pub fn is_alive(&mut self) -> bool {
        self.server.is_alive()
    }

    /// Stops the server and waits for that.
    pub async fn stop(self) {
        // a panic while stopping has nobody left to tell
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

/// An existing cluster is run by whoever owns it, if we are root and he is not.
fn owner_of(data: &Path) -> Option<Account> {
    let meta = fs::symlink_metadata(data).ok().filter(fs::Metadata::is_dir)?;
    let as_root = rustix::process::geteuid().is_root() && meta.uid() != 0;
    as_root.then(|| Account::Other { uid: meta.uid(), gid: meta.gid() })
}

/// Refuses a folder that holds something else.
fn check_folder(folder: &Path) -> Result<(), Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(Error::Folder { path: folder.to_owned(), source }),
    };
    let is_empty = entries.count() == 0;
    if is_empty || folder.join("lock").is_file() {
        Ok(())
    } else {
        Err(Error::ForeignFolder { path: folder.to_owned() })
    }
}

/// Takes the lock that one program at a time may hold. The operating system gives it back when we end, however we end.
fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join("lock");
    let failed = |source| Error::Folder { path: path.clone(), source };
    let open = fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let mut file = open.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let pid = fs::read_to_string(&path).unwrap_or_default().trim().to_owned();
            return Err(Error::InUse { folder: folder.to_owned(), pid });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(failed)?;
    Ok(file)
}

/// Programs of the cluster's own major version, or the best ones for a new cluster.
fn programs_for(data: &Path, named: Option<&Path>) -> Result<Binaries, Error> {
    let Ok(text) = fs::read_to_string(data.join("PG_VERSION")) else {
        return binaries::resolve(named, None);
    };
    let has: Option<u32> = text.trim().parse().ok();
    let other = |found: Binaries| Error::OtherMajor {
        data: data.to_owned(),
        has: has.unwrap_or_default(),
        found: found.version,
    };
    match binaries::resolve(named, has) {
        Ok(found) if Some(found.version.major()) == has => Ok(found),
        Ok(found) => Err(other(found)),
        Err(Error::NoBinaries) => Err(other(binaries::resolve(named, None)?)),
        Err(error) => Err(error),
    }
}

/// Makes the cluster if there is none, whole or not at all, and gives its password.
fn make_cluster(folder: &Path, data: &Path, binaries: &Binaries, account: Account) -> Result<SecretString, Error> {
    let password_file = folder.join("password");
    if data.join("PG_VERSION").exists() {
        let text = fs::read_to_string(&password_file);
        let text = text.map_err(|source| Error::Folder { path: password_file, source })?;
        return Ok(text.trim().to_owned().into());
    }
    let fresh = folder.join("data.new");
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Folder { path, source }
    };
    for leftover in [&fresh, data] {
        if leftover.exists() {
            fs::remove_dir_all(leftover).map_err(failed(leftover))?;
        }
    }
    let password = cluster::random_password()?;
    cluster::write_secret(&password_file, password.expose_secret())?;
    cluster::init(binaries, account, &fresh, &password, true)?;
    fs::rename(&fresh, data).map_err(failed(data))?;
    Ok(password)
}

/// Ends a server that outlived its program, and removes a pid file whose number is somebody else's by now.
fn stop_leftover(data: &Path) -> Result<(), Error> {
    let Some(file) = PidFile::read(data) else { return Ok(()) };
    file.stop_if_ours();
    if !wait::until(LEFTOVER_WAIT_MAX, || !file.is_ours()) {
        return Err(Error::Leftover { pid: file.pid(), data: data.to_owned() });
    }
    // we hold the lock and no server runs here: what is left describes nobody
    match fs::remove_file(data.join("postmaster.pid")) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Folder { path: data.to_owned(), source }),
        _ => Ok(()),
    }
}

/// An empty folder for the Unix socket; `None` if its path is too long for one.
fn socket_folder(folder: &Path, account: Account) -> Result<Option<PathBuf>, Error> {
    let run = folder.join("run");
    if run.as_os_str().len() > SOCKET_FOLDER_BYTES_MAX {
        return Ok(None);
    }
    if run.exists() {
        fs::remove_dir_all(&run).map_err(|source| Error::Folder { path: run.clone(), source })?;
    }
    cluster::make_folder(&run, account)?;
    Ok(Some(run))
}

fn start_server(
    options: &Options,
    folder: &Path,
    data: &Path,
    binaries: &Binaries,
    account: Account,
    socket: Option<&Path>,
) -> Result<(Server, u16), Error> {
    let log = folder.join("log");
    if !log.exists() {
        remember(&log, "")?;
        account.give(&log)?;
    }
    let last = fs::read_to_string(folder.join("port")).ok().and_then(|t| t.trim().parse().ok());
    let mut port = match options.port.or(last) {
        Some(port) => port,
        None => free_port()?,
    };
    let mut tries = 1;
    let mut waited = false;
    loop {
        let settings = SETTINGS;
        let run = Run { binaries, account, data, log: &log, socket, port, settings, remove: None };
        match Server::start(&run) {
            Ok(server) => return Ok((server, port)),
            Err(Error::Start { reason, .. }) if is_port_taken(&reason) && options.port.is_some() => {
                return Err(Error::PortTaken { port });
            }
            Err(Error::Start { reason, .. }) if is_port_taken(&reason) && tries < PORT_TRIES_MAX => port = free_port()?,
            // processes of a crashed server end by themselves as soon as they notice
            Err(Error::Start { reason, .. }) if reason.contains("shared memory block") && !waited => {
                waited = wait::until(ORPHANS_WAIT_MAX, || !pidfile::has_processes(data));
            }
            Err(error) => return Err(error),
        }
        tries += 1;
    }
}

fn is_port_taken(reason: &str) -> bool {
    reason.contains("Address already in use") || reason.contains("could not create any TCP/IP sockets")
}

fn free_port() -> Result<u16, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|source| Error::Port { source })?;
    listener.local_addr().map(|a| a.port()).map_err(|source| Error::Port { source })
}

fn remember(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(|source| Error::Folder { path: path.to_owned(), source })
}
