//! What stands in for a user who does not exist, so that nobody can tell by signing in.
//!
//! The salt of a user who does not exist must be the same today and tomorrow, or two tries tell. It is derived from the
//! name and a secret of the installation. Salts of users who do exist may be derived the same way ([`Decoy::salt`]):
//! then a user who comes into being or goes does not change his salt either.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::hmac;
use super::verifier::{ITERATIONS_MAX, ITERATIONS_MIN, Verifier};

/// Makes verifiers that nobody can prove to meet. One per installation.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Decoy {
    secret: [u8; 32],
    #[zeroize(skip)]
    iterations: u32,
}

impl fmt::Debug for Decoy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoy").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

impl Decoy {
    /// `secret` stays the same as long as the installation does; `iterations` is what real users' verifiers have, and is
    /// brought into the bounds that those must keep.
    pub fn new(secret: [u8; 32], iterations: u32) -> Self {
        Self { secret, iterations: iterations.clamp(ITERATIONS_MIN, ITERATIONS_MAX) }
    }

    /// The iterations that all verifiers should have.
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// The salt of the user of this name, as long as PostgreSQL's.
    pub fn salt(&self, user: &str) -> [u8; 16] {
        let [head @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
            hmac(&self.secret, &[b"scram salt\0", user.as_bytes()]);
        head
    }

    /// A verifier for the user of this name. Its keys are not made of any password.
    pub(super) fn verifier(&self, user: &str) -> Verifier {
        let key = |purpose: &[u8]| hmac(&self.secret, &[purpose, user.as_bytes()]);
        let (stored, server) = (key(b"scram stored key\0"), key(b"scram server key\0"));
        Verifier::from_keys(self.salt(user).to_vec(), self.iterations, stored, server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salt_is_stable_and_each_users_own() {
        let decoy = Decoy::new([7; 32], 4096);
        assert_eq!(decoy.salt("nobody"), Decoy::new([7; 32], 9999).salt("nobody"));
        assert_ne!(decoy.salt("nobody"), decoy.salt("Nobody"));
        assert_ne!(decoy.salt("nobody"), Decoy::new([8; 32], 4096).salt("nobody"));
        assert_eq!(decoy.verifier("nobody"), decoy.verifier("nobody"));
        assert_eq!(decoy.verifier("nobody").salt(), decoy.salt("nobody"));
    }

    #[test]
    fn its_secret_is_not_printed_and_its_iterations_are_possible() {
        let decoy = Decoy::new([7; 32], 1);
        assert_eq!(format!("{decoy:?}"), "Decoy { iterations: 4096, .. }");
        assert_eq!(Decoy::new([7; 32], u32::MAX).iterations(), ITERATIONS_MAX);
    }
}
