//! One request to somebody else's server, whose address somebody else may have chosen.
//!
//! - [`Reach`]: which addresses may be connected to. Pure.
//! - [`connect`]: a connection, plain or under TLS. Names are resolved once, each address is checked, and the one that
//!   was checked is the one that is connected to: a name that resolves to another address later changes nothing.
//! - [`Courier`]: a request over a connection of its own, with a bound on its time and on what is read of the answer.
//!
//! It follows no redirect, keeps no cookie, uses no proxy of the environment and sends no credential but what stands in
//! the request.

mod line;
mod reach;
mod send;

pub use line::{Line, LineError, Stream, connect};
pub use reach::Reach;
pub use send::{Answer, Courier, SendError};
