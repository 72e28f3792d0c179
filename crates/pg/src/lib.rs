//! The only door to a PostgreSQL connection of our own.
//!
//! [`Target`] says where to, [`connect`] opens the door, [`Client`] owns the connection behind it, and
//! [`ConnectError`] says in plain words why it stayed shut. No other crate opens a connection, so that TLS,
//! time limits and the session's settings are decided once.
//!
//! Absent on purpose: the environment (`PGHOST` and its kin) is read by the binary's configuration or not at
//! all, and no password ever appears in a `Display` or `Debug` text.

mod client;
mod error;
mod retry;
mod target;
mod tls;

pub use client::{Client, Session, connect, connect_and_hear, connect_with};
pub use error::{ConnectError, class_of, in_plain_words};
pub use retry::{Backoff, is_lock_timeout, is_retryable, retry};
pub use target::{SslMode, Target, TargetError};
pub use tls::client_config;
pub use tokio_postgres;
