//! PostgreSQL's wire protocol, 3.0 and 3.2, as values: bytes in, bytes out.
//!
//! [`frame`] finds where a message ends, [`frontend`] reads and writes what a client says, [`backend`] what a server
//! says, and [`scram`] is a server's side of how a client proves that it knows a password. The names of messages and
//! fields are the protocol's own.
//!
//! # What it promises
//!
//! Whatever the bytes are, a reader answers with a value or a [`WireError`]: no panic, no overflow, no allocation
//! that is larger than the input asks for. A message is read whole or not at all, and nothing may stand behind its
//! last field. A writer appends exactly one message, or leaves the buffer as it was: a length that does not fit its
//! field and a zero byte inside a string are refused, because behind either the next reader would take what follows
//! for a message of its own.
//!
//! # What it refuses to do
//!
//! No socket, no runtime, no clock, no randomness of its own; no SQL. It does not say which message may follow which,
//! nor what a parameter may hold: that is for the proxy, which knows who is asking. No value, query or secret is
//! shown by any `Debug` here.

#![deny(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_possible_wrap)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

pub mod backend;
pub mod certificate;
mod error;
pub mod frame;
pub mod frontend;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "it panics where a promise is broken"
)]
pub mod fuzzing;
mod hidden;
mod read;
pub mod scram;
pub mod tag;
mod values;
mod write;

pub use error::{Message, Peer, WireError};
pub use frame::{Header, MESSAGE_BYTES_MAX, header};
pub use values::{Formats, Values};
