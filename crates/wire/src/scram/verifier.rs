//! What is kept of a password, in the form that `pg_authid.rolpassword` has.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::hmac;

/// Fewest iterations: what RFC 7677 asks for and clients insist on.
pub const ITERATIONS_MIN: u32 = 4_096;

/// Most iterations: what rust-postgres and the JDBC driver still take from a server.
pub const ITERATIONS_MAX: u32 = 100_000;

/// Shortest salt.
pub const SALT_BYTES_MIN: usize = 8;

/// Longest salt.
pub const SALT_BYTES_MAX: usize = 64;

/// Why something is no verifier. The texts show nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifierError {
    /// The text has another form; an MD5 password is one of those.
    #[error(
        "a password verifier has the form SCRAM-SHA-256$iterations:salt$key:key; set the password anew with password_encryption = 'scram-sha-256'"
    )]
    Form,
    /// The number of iterations is out of bounds.
    #[error(
        "a password verifier has {ITERATIONS_MIN} to {ITERATIONS_MAX} iterations; set the password anew with scram_iterations in these bounds"
    )]
    Iterations,
    /// The length of the salt is out of bounds.
    #[error("the salt of a password verifier has {SALT_BYTES_MIN} to {SALT_BYTES_MAX} bytes")]
    Salt,
}

/// What a server needs to let somebody prove a password. Who has it can pretend to be the server, not the user.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Verifier {
    #[zeroize(skip)]
    salt: Vec<u8>,
    #[zeroize(skip)]
    iterations: u32,
    stored_key: [u8; 32],
    server_key: [u8; 32],
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

impl Verifier {
    /// Reads the text form: `SCRAM-SHA-256$4096:salt$stored:server`, the last three in base64.
    pub fn parse(text: &str) -> Result<Self, VerifierError> {
        let rest = text.strip_prefix("SCRAM-SHA-256$").ok_or(VerifierError::Form)?;
        let (head, keys) = rest.split_once('$').ok_or(VerifierError::Form)?;
        let (iterations, salt) = head.split_once(':').ok_or(VerifierError::Form)?;
        let (stored, server) = keys.split_once(':').ok_or(VerifierError::Form)?;
        let number = iterations.bytes().all(|b| b.is_ascii_digit()).then_some(iterations).ok_or(VerifierError::Form)?;
        let iterations = u32::from_str(number).map_err(|_| VerifierError::Iterations)?;
        let salt = STANDARD.decode(salt).map_err(|_| VerifierError::Form)?;
        check(&salt, iterations)?;
        Ok(Self { salt, iterations, stored_key: key(stored)?, server_key: key(server)? })
    }

    /// Makes one of a password. It is prepared as PostgreSQL and its clients do: SASLprep where that is possible, and as
    /// it is where not.
    pub fn from_password(password: &[u8], salt: &[u8], iterations: u32) -> Result<Self, VerifierError> {
        check(salt, iterations)?;
        let prepared = prepare(password);
        let mut salted = Zeroizing::new([0; 32]);
        pbkdf2::pbkdf2_hmac::<Sha256>(&prepared, salt, iterations, &mut *salted);
        let client_key = Zeroizing::new(hmac(&salted, &[b"Client Key"]));
        let server_key = hmac(&salted, &[b"Server Key"]);
        Ok(Self { salt: salt.to_vec(), iterations, stored_key: Sha256::digest(*client_key).into(), server_key })
    }

    pub(super) fn from_keys(salt: Vec<u8>, iterations: u32, stored_key: [u8; 32], server_key: [u8; 32]) -> Self {
        Self { salt, iterations, stored_key, server_key }
    }

    /// The text form that [`Verifier::parse`] reads and `ALTER ROLE … PASSWORD` takes.
    pub fn to_text(&self) -> Zeroizing<String> {
        let [salt, stored, server] =
            [&self.salt[..], &self.stored_key, &self.server_key].map(|bytes| Zeroizing::new(STANDARD.encode(bytes)));
        Zeroizing::new(format!("SCRAM-SHA-256${}:{}${}:{}", self.iterations, &*salt, &*stored, &*server))
    }

    /// The salt, which everybody may know who begins to sign in.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// The iterations, which everybody may know who begins to sign in.
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    pub(super) fn stored_key(&self) -> &[u8; 32] {
        &self.stored_key
    }

    pub(super) fn server_key(&self) -> &[u8; 32] {
        &self.server_key
    }
}

pub(super) fn check(salt: &[u8], iterations: u32) -> Result<(), VerifierError> {
    if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations) {
        return Err(VerifierError::Iterations);
    }
    if !(SALT_BYTES_MIN..=SALT_BYTES_MAX).contains(&salt.len()) {
        return Err(VerifierError::Salt);
    }
    Ok(())
}

fn key(text: &str) -> Result<[u8; 32], VerifierError> {
    let bytes = Zeroizing::new(STANDARD.decode(text).map_err(|_| VerifierError::Form)?);
    bytes.as_slice().try_into().map_err(|_| VerifierError::Form)
}

/// SASLprep; a password that is not UTF-8, holds what SASLprep forbids, or would become empty stays as it is.
fn prepare(password: &[u8]) -> Zeroizing<Vec<u8>> {
    let prepared = std::str::from_utf8(password).ok().and_then(|text| stringprep::saslprep(text).ok());
    let prepared = prepared.filter(|text| !text.is_empty()).map(|text| text.into_owned().into_bytes());
    Zeroizing::new(prepared.unwrap_or_else(|| password.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the password and the salt of RFC 7677's example; computed by Python's `hashlib.pbkdf2_hmac` and `hmac`.
    const TEXT: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    #[test]
    fn the_vector_of_rfc_7677() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let made = Verifier::from_password(b"pencil", &salt, 4096).unwrap();
        assert_eq!(*made.to_text(), TEXT);
        assert_eq!(Verifier::parse(TEXT), Ok(made));
    }

    #[test]
    fn nothing_of_it_is_printed() {
        let shown = format!("{:?}", Verifier::parse(TEXT).unwrap());
        assert_eq!(shown, "Verifier { iterations: 4096, .. }");
    }

    #[test]
    fn other_forms_are_refused() {
        use VerifierError::{Form, Iterations, Salt};
        let keys = &TEXT[TEXT.rfind('$').unwrap()..];
        for (text, why) in [
            ("".to_owned(), Form),
            ("md5d41d8cd98f00b204e9800998ecf8427e".into(), Form),
            (TEXT.replace("SHA-256", "SHA-512"), Form),
            (TEXT.replace("4096", "+4096"), Form),
            (TEXT.replace("4096", ""), Iterations),
            (TEXT.replace("4096", "4095"), Iterations),
            (TEXT.replace("4096", "100001"), Iterations),
            (TEXT.replace("4096", "4294967297"), Iterations),
            (TEXT.replace("4096", "-1"), Form),
            (TEXT.replace("W22Z", "W2!Z"), Form),
            (TEXT.replace("WG5d8oPm", "WG5d8o"), Form),
            (TEXT.replace("2dU=", "2dU"), Form),
            (format!("{TEXT}:x"), Form),
            (format!("SCRAM-SHA-256$4096:YWJj{keys}"), Salt),
            (format!("SCRAM-SHA-256$4096:{}{keys}", STANDARD.encode([0; 65])), Salt),
        ] {
            assert_eq!(Verifier::parse(&text), Err(why), "{text}");
        }
        assert_eq!(Verifier::from_password(b"x", b"short", 4096), Err(Salt));
        assert_eq!(Verifier::from_password(b"x", b"long enough", 1), Err(Iterations));
    }

    #[test]
    fn passwords_are_prepared_as_postgresql_does() {
        let prepared = |text: &str| String::from_utf8(prepare(text.as_bytes()).to_vec()).unwrap();
        assert_eq!(prepared("pencil"), "pencil");
        assert_eq!(prepared("I\u{ad}X"), "IX", "soft hyphen goes");
        assert_eq!(prepared("a\u{a0}b"), "a b", "odd spaces are spaces");
        assert_eq!(prepared("\u{2168}"), "IX", "compatibility forms are taken apart");
        assert_eq!(prepared("\u{ad}"), "\u{ad}", "nothing left: as it is");
        assert_eq!(prepared("a\u{7}b"), "a\u{7}b", "forbidden: as it is");
        assert_eq!(prepared("\u{627}1"), "\u{627}1", "mixed directions: as it is");
        assert_eq!(*prepare(b"\xff\xfe"), b"\xff\xfe", "not UTF-8: as it is");
    }
}
