//! Tokens of issuers: JWTs, checked with the keys, the algorithms and for the audience of the one issuer they name.
//!
//! The issuer is chosen by its exact name; its keys are its own, so that two issuers may use one key id. Keys that are
//! fetched are fetched by one at a time: for an unknown key id at most once a minute, and again after a while, so that
//! a key the issuer has withdrawn counts no longer. A token's header chooses nothing but the key id.
//!
//! Gateway and control plane check tokens with this. What a proven token allows is theirs to say: here is no tenant,
//! no user and no permission. It reads no clock but the system's, and no file.

mod fetch;
mod issuer;
mod keys;
pub mod members;
mod proven;
mod waived;

#[cfg(test)]
mod tests;

pub use issuer::{IssuerError, IssuerParts, IssuerSettings, KeySource, LEEWAY_SECONDS, LEEWAY_SECONDS_MAX};
pub use proven::{Proven, Refused, TOKEN_BYTES_MAX, verify};
pub use waived::{Check, Waived};
