//! A PostgreSQL server of our own, for whoever names none.
//!
//! [`binaries`] finds PostgreSQL's programs on this machine, [`cluster`] makes a data directory and
//! [`supervisor`] runs a server that dies with this process, also when it is killed. [`Embedded`] puts the
//! three together: one durable server per user, on a Unix socket and a loopback port, never as root.
//!
//! It refuses to download anything, to listen beyond the loopback, and to run a server as root.

mod account;
pub mod binaries;
pub mod cluster;
mod embedded;

mod error;
mod pidfile;
pub mod supervisor;
mod wait;

pub use account::Account;
pub use embedded::{Embedded, Options, data_directory};

pub use error::Error;
