//! The control plane's one secret: what everything that must be kept is made from.
//!
//! It lies in a file that its owner alone may read; the database never has it. Who copies the database alone can
//! neither check a guess at an API key nor write a cursor.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::Error;

/// Bytes of the secret.
pub const SECRET_BYTES: usize = 32;

/// The secret.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; SECRET_BYTES]>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// From these bytes.
    pub fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A new one.
    pub fn random() -> Result<Self, Error> {
        Ok(Self(random()?))
    }

    /// Reads 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let text = text.trim().as_bytes();
        if text.len() != 2 * SECRET_BYTES {
            return None;
        }
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        for (byte, pair) in bytes.iter_mut().zip(text.chunks(2)) {
            let digit = |b: u8| (b as char).to_digit(16);
            *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
        }
        Some(Self(bytes))
    }

    /// As 64 hexadecimal digits, for its file.
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex(&*self.0))
    }

    /// HMAC-SHA-256 of a text, for one purpose: what is made for one is worth nothing for another.
    pub(crate) fn mac(&self, purpose: &str, text: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("HMAC takes keys of any length");
        mac.update(&(purpose.len() as u64).to_be_bytes());
        mac.update(purpose.as_bytes());
        mac.update(text);
        mac.finalize().into_bytes().into()
    }

    /// A password for one purpose and name.
    pub(crate) fn derive(&self, purpose: &str, name: &str) -> Zeroizing<String> {
        Zeroizing::new(hex(&self.mac(purpose, name.as_bytes())))
    }
}

/// Random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Error> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut()).map_err(|e| Error::bug("draw random numbers").because_text(e.to_string()))?;
    Ok(bytes)
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_survives_its_file_and_purposes_stay_apart() {
        let secret = Secret::random().unwrap();
        let again = Secret::from_hex(&format!("{}\n", *secret.to_hex())).unwrap();
        assert_eq!(secret.mac("a", b"x"), again.mac("a", b"x"));
        assert_ne!(secret.mac("a", b"x"), secret.mac("b", b"x"));
        assert_ne!(secret.mac("a", b"bx"), secret.mac("ab", b"x"));
        assert!(Secret::from_hex("short").is_none() && Secret::from_hex(&"g".repeat(64)).is_none());
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}
