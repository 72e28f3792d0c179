//! The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS: RFC 5802 and RFC 7677, as PostgreSQL does it.
//!
//! [`Verifier`] is what is kept of a password, [`Decoy`] what stands in for that of somebody who does not exist,
//! [`Exchange`] the two messages each way. The password never comes here, and nothing here can be turned back into it.
//!
//! What it refuses: a client that asks for another mechanism than those offered; one that supports channel binding and
//! was told that we do not (somebody in between took it out of the list); one whose binding is to another certificate;
//! authorization as somebody else; extensions that must be understood. Every message is bounded, every comparison of
//! something secret takes the same time, and randomness comes from the caller.

mod decoy;
mod end_point;
mod exchange;
mod message;
mod verifier;

use tenantry_model::Class;

pub use decoy::Decoy;
pub use end_point::end_point;
pub use exchange::{Accepted, CANDIDATES_MAX, Exchange};
pub use message::{MESSAGE_BYTES_MAX, NONCE_BYTES_MAX};
pub use verifier::{ITERATIONS_MAX, ITERATIONS_MIN, SALT_BYTES_MAX, SALT_BYTES_MIN, Verifier, VerifierError};

/// The mechanism without channel binding.
pub const SCRAM_SHA_256: &str = "SCRAM-SHA-256";

/// The mechanism with channel binding.
pub const SCRAM_SHA_256_PLUS: &str = "SCRAM-SHA-256-PLUS";

/// Bytes of the nonce that the caller draws for one exchange; as many as PostgreSQL draws.
pub const NONCE_BYTES: usize = 18;

/// Why an exchange ends without anybody being let in. The texts hold nothing that the client sent, and the same text
/// and code come whether the password is wrong or there is no such user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// The client chose a mechanism that was not offered.
    #[error("the client chose a SASL mechanism that was not offered")]
    Mechanism,
    /// A message is not of the form of RFC 5802.
    #[error("the client's SCRAM message is malformed: {0}")]
    Malformed(&'static str),
    /// The client asks for something that RFC 5802 has and PostgreSQL has not.
    #[error("the client's SCRAM message asks for {0}, which is not supported")]
    Unsupported(&'static str),
    /// The client could bind to the TLS channel, and was told that we could not.
    #[error(
        "the client supports channel binding and thinks that the server does not, but it does: somebody may stand in between"
    )]
    Downgrade,
    /// The message does not fit the mechanism.
    #[error("the client's use of channel binding does not fit the mechanism it chose")]
    BindingMismatch,
    /// The client is bound to another channel.
    #[error("the SCRAM channel binding check failed: the client's TLS connection ends elsewhere")]
    Binding,
    /// The client answers with another nonce.
    #[error("the client's SCRAM message answers another challenge")]
    Nonce,
    /// The proof is wrong, or there is nobody to prove to be.
    #[error("the password is wrong, or there is no such user")]
    Refused,
    /// The caller called out of turn.
    #[error("a SCRAM exchange has two steps, in order, and is over after the first failure")]
    Order,
    /// The caller's verifiers are not of one user.
    #[error("the candidates of a SCRAM exchange must share salt and iterations, and be {CANDIDATES_MAX} or fewer")]
    Candidates,
}

impl ScramError {
    /// The SQLSTATE, as PostgreSQL has it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Mechanism | Self::Malformed(_) | Self::Nonce | Self::BindingMismatch => "08P01",
            Self::Unsupported(_) => "0A000",
            Self::Downgrade | Self::Binding => "28000",
            Self::Refused => "28P01",
            Self::Order | Self::Candidates => "XX000",
        }
    }

    /// The class of the failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Mechanism | Self::Malformed(_) | Self::Unsupported(_) | Self::Nonce | Self::BindingMismatch => {
                Class::Caller
            }
            Self::Downgrade | Self::Binding | Self::Refused => Class::Denied,
            Self::Order | Self::Candidates => Class::Bug,
        }
    }
}

type HmacSha256 = hmac::Hmac<sha2::Sha256>;

/// HMAC-SHA-256 of several parts, one after the other.
fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    use hmac::{KeyInit, Mac};
    let mut block = zeroize::Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(b, k)| *b = *k);
    let mut mac = <HmacSha256 as KeyInit>::new((&*block).into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}
