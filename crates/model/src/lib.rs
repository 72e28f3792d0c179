//! The words tenantry speaks: names, tenant keys, the signed context, classes of failure.
//!
//! Everything here is a value. Nothing here opens a connection, reads a clock or touches the environment.

mod failure;
mod key;
mod name;
mod server;
pub mod token;

pub use failure::Class;
pub use key::{KeyKind, ParseKeyError, TEXT_KEY_BYTES_MAX, TenantKey};
pub use name::{Ident, NameError, QualifiedName, literal};
pub use server::ServerVersion;
