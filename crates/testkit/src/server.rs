//! Throw-away servers: one per major version and test process, gone with the process.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};

use tenantry_embedded::binaries::{Binaries, found, resolve};
use tenantry_embedded::supervisor::{self, Run};
use tenantry_embedded::{Account, cluster};
use tenantry_model::ServerVersion;
use tenantry_pg::Target;

use crate::database::Database;
use crate::place;

/// Ports are chosen before the server takes them: how often another process may be faster.
const PORT_TRIES_MAX: u32 = 5;

/// What servers of tests run with: nothing is kept, everything is possible.
pub(crate) const SETTINGS: &[(&str, &str)] = &[
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("wal_level", "logical"),
    ("max_connections", "300"),
    ("max_wal_senders", "20"),
    ("max_replication_slots", "20"),
    ("max_prepared_transactions", "20"),
    ("shared_buffers", "128MB"),
    ("max_wal_size", "2GB"),
    ("log_min_messages", "warning"),
];

/// A throw-away server of this test process.
pub struct Server {
    target: Target,
    binaries: Binaries,
    // never dropped, as it lives in a static: the supervisor stops it when the process ends, however it ends
    _process: supervisor::Server,
}

/// The throw-away server of a major version. The first call in a process starts it; all tests of the process share it.
///
/// Its programs come from `TENANTRY_TEST_PG15` (`…16`, …), or from where `tenantry up` would find them.
pub fn postgres(major: u32) -> &'static Server {
    static SERVERS: Mutex<BTreeMap<u32, &'static Server>> = Mutex::new(BTreeMap::new());
    let mut servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
    servers.entry(major).or_insert_with(|| Box::leak(Box::new(start(major))))
}

/// The major versions whose programs are on this machine, out of 15 to 18.
pub fn available() -> Vec<u32> {
    (15..=18).filter(|major| programs(*major).is_some()).collect()
}

pub(crate) fn programs(major: u32) -> Option<Binaries> {
    if let Some(folder) = std::env::var_os(format!("TENANTRY_TEST_PG{major}")).filter(|v| !v.is_empty()) {
        let binaries = resolve(Some(Path::new(&folder)), None);
        return Some(binaries.unwrap_or_else(|e| panic!("TENANTRY_TEST_PG{major}: {e}")));
    }
    all_programs().iter().filter(|b| b.version.major() == major).max_by_key(|b| b.version).cloned()
}

/// What `tenantry up` would find, and what `bin/test` has installed.
pub(crate) fn all_programs() -> &'static [Binaries] {
    static ALL: LazyLock<Vec<Binaries>> = LazyLock::new(|| {
        let installed = place::installed();
        found().into_iter().chain(installed.iter().filter_map(|folder| Binaries::at(folder).ok())).collect()
    });
    &ALL
}

fn start(major: u32) -> Server {
    let binaries = programs(major).unwrap_or_else(|| {
        panic!("no PostgreSQL {major} on this machine: install it or name its bin folder in TENANTRY_TEST_PG{major}")
    });
    let account = Account::choose().unwrap_or_else(|e| panic!("{e}"));
    let (template, password) = template(&binaries, account);
    // not below target/: that may lie where the server's account must not go
    let folder = tempfile::Builder::new().prefix("tenantry-test-").tempdir().expect("a temporary folder").keep();
    let data = folder.join("data");
    copy(&template, &data);
    account.give_all(&folder).unwrap_or_else(|e| panic!("{e}"));
    for attempt in 1.. {
        let port = free_port();
        let log = folder.join("log");
        let run = Run {
            binaries: &binaries,
            account,
            data: &data,
            log: &log,
            socket: Some(&folder),
            port,
            settings: SETTINGS,
            remove: Some(&folder),
        };
        match supervisor::Server::start(&run) {
            Ok(process) => {
                let host = folder.display().to_string();
                let target = Target::new(&host, port, cluster::SUPERUSER, Some(&password), "postgres");
                return Server { target, binaries, _process: process };
            }
            Err(error) if attempt == PORT_TRIES_MAX => panic!("{error}"),
            // the supervisor has removed the folder
            Err(_) => {
                cluster::make_folder(&folder, account).unwrap_or_else(|e| panic!("{e}"));
                copy(&template, &data);
                account.give_all(&folder).unwrap_or_else(|e| panic!("{e}"));
            }
        }
    }
    unreachable!("the loop ends by returning or panicking")
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// A data directory made once per version, and its superuser's password.
pub(crate) fn template(binaries: &Binaries, account: Account) -> (PathBuf, String) {
    // two installations of one version may differ in what they were built with
    let folder = binaries.folder.display().to_string();
    let place: String = folder.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = format!("{}{place}", binaries.version);
    let kept = place::kept("clusters").join(name);
    if !kept.exists() {
        let work = tempfile::Builder::new().prefix("tenantry-initdb-").tempdir().expect("a temporary folder");
        cluster::make_folder(work.path(), account).unwrap_or_else(|e| panic!("{e}"));
        let password = cluster::random_password().unwrap_or_else(|e| panic!("{e}"));
        cluster::init(binaries, account, &work.path().join("data"), &password, false).unwrap_or_else(|e| panic!("{e}"));
        let fresh = kept.with_extension(std::process::id().to_string());
        fs::create_dir_all(&fresh).expect("target/ is writable");
        copy(&work.path().join("data"), &fresh.join("data"));
        use secrecy::ExposeSecret;
        cluster::write_secret(&fresh.join("password"), password.expose_secret()).unwrap_or_else(|e| panic!("{e}"));
        // another process may have been faster: then its template is used
        if fs::rename(&fresh, &kept).is_err() {
            fs::remove_dir_all(&fresh).expect("our own folder can be removed");
        }
    }
    let password = fs::read_to_string(kept.join("password")).expect("a kept cluster has its password");
    (kept.join("data"), password)
}

pub(crate) fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp runs");
    assert!(status.success(), "cannot copy {} to {}", from.display(), to.display());
}

impl Server {
    /// The superuser in database `postgres`, over the Unix socket.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The same over TCP.
    pub fn tcp_target(&self) -> Target {
        let mut text = format!("host=127.0.0.1 port={} dbname=postgres", self.target.port());
        for (name, value) in self.target.libpq_env() {
            match name {
                "PGUSER" => text.push_str(&format!(" user={value}")),
                "PGPASSWORD" => text.push_str(&format!(" password={value}")),
                _ => {}
            }
        }
        Target::parse(&text).expect("an address made of checked parts")
    }

    /// Version of the server's programs.
    pub fn version(&self) -> ServerVersion {
        self.binaries.version
    }

    /// The server's programs.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// A new, empty database, dropped when the value is.
    pub async fn database(&'static self, hint: &str) -> Database {
        Database::create(self, hint, None).await
    }

    /// A copy of another database of this server (nobody may be connected to it).
    pub async fn copy_of(&'static self, template: &Database, hint: &str) -> Database {
        Database::create(self, hint, Some(template)).await
    }
}
