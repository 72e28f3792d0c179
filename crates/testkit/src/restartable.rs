//! A server that belongs to one test alone, which may therefore stop it and start it again.

use std::path::PathBuf;

use tempfile::TempDir;
use tenantry_embedded::binaries::Binaries;
use tenantry_embedded::supervisor::{self, Run};
use tenantry_embedded::{Account, cluster};
use tenantry_pg::Target;

use crate::server::{SETTINGS, copy, free_port, programs, template};

/// A server of one test, reached over TCP. It ends when this is dropped, and its folder goes with it.
pub struct Restartable {
    // declared first: the server goes before its folder
    process: Option<supervisor::Server>,
    folder: TempDir,
    binaries: Binaries,
    account: Account,
    port: u16,
    password: String,
    settings: &'static [(&'static str, &'static str)],
}

/// What a server runs with that keeps what it was told, as an operator's does. The rest is PostgreSQL's default.
const DURABLE: &[(&str, &str)] = &[
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("shared_buffers", "256MB"),
    ("max_wal_size", "4GB"),
    ("log_min_messages", "warning"),
];

impl Restartable {
    /// Starts a server of a major version.
    pub fn start(major: u32) -> Self {
        Self::with(major, SETTINGS)
    }

    /// Starts one that waits for the disk, for measurements in which that counts.
    pub fn durable(major: u32) -> Self {
        Self::with(major, DURABLE)
    }

    fn with(major: u32, settings: &'static [(&'static str, &'static str)]) -> Self {
        let binaries = programs(major).unwrap_or_else(|| panic!("no PostgreSQL {major} on this machine"));
        let account = Account::choose().unwrap_or_else(|e| panic!("{e}"));
        let (template, password) = template(&binaries, account);
        let folder = tempfile::Builder::new().prefix("tenantry-alone-").tempdir().expect("a temporary folder");
        copy(&template, &folder.path().join("data"));
        account.give_all(folder.path()).unwrap_or_else(|e| panic!("{e}"));
        let mut server = Self { process: None, folder, binaries, account, port: free_port(), password, settings };
        server.start_again();
        server
    }

    /// Starts it after [`Self::stop`], on the same port with the same data.
    pub fn start_again(&mut self) {
        let (data, log) = (self.data(), self.folder.path().join("log"));
        let run = Run {
            binaries: &self.binaries,
            account: self.account,
            data: &data,
            log: &log,
            socket: Some(self.folder.path()),
            port: self.port,
            settings: self.settings,
            remove: None,
        };
        self.process = Some(supervisor::Server::start(&run).unwrap_or_else(|e| panic!("{e}")));
    }

    /// Stops it as a restart does: sessions are ended, data is written. Returns when it is gone.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Kills it: no session ends, nothing is written. Returns when the processes are gone.
    pub fn kill(&mut self) {
        let Some(mut server) = self.process.take() else { return };
        let pid = server.pid();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let all: Vec<String> = std::iter::once(pid.to_string()).chain(children.split(' ').map(str::to_owned)).collect();
        let all: Vec<String> = all.into_iter().filter(|p| !p.is_empty()).collect();
        // one that has ended already is no failure
        std::process::Command::new("kill").arg("-9").args(&all).status().expect("kill runs");
        while server.is_alive() || all.iter().any(|p| std::path::Path::new("/proc").join(p).exists()) {
            std::thread::yield_now();
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The superuser in database `postgres`, over TCP.
    pub fn target(&self) -> Target {
        Target::new("127.0.0.1", self.port, cluster::SUPERUSER, Some(&self.password), "postgres")
    }
}
