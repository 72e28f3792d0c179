//! The client's two messages, taken apart. Nothing is decided here but whether they have the form.

use super::ScramError;
use super::ScramError::{Malformed, Unsupported};

/// The longest message from a client, a bound of ours; the longest that a real one sends has about 300 bytes.
pub const MESSAGE_BYTES_MAX: usize = 2_048;

/// The longest nonce of a client, a bound of ours; libpq's has 24 bytes.
pub const NONCE_BYTES_MAX: usize = 256;

/// What a client says of binding to the TLS channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binding {
    /// It does not support it.
    No,
    /// It supports it and thinks that the server does not.
    Yes,
    /// It binds to the server's certificate.
    EndPoint,
}

impl Binding {
    /// As it stands at the beginning of the client's first message.
    pub(super) const fn header(self) -> &'static str {
        match self {
            Self::No => "n,,",
            Self::Yes => "y,,",
            Self::EndPoint => "p=tls-server-end-point,,",
        }
    }
}

/// The client's first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct First<'a> {
    pub(super) binding: Binding,
    /// Everything behind the header, which both sides sign.
    pub(super) bare: &'a str,
    pub(super) nonce: &'a str,
}

/// The client's last message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Last<'a> {
    /// Everything before the proof, which both sides sign.
    pub(super) without_proof: &'a str,
    pub(super) binding: &'a str,
    pub(super) nonce: &'a str,
    pub(super) proof: &'a str,
}

/// Bounded, UTF-8 and without a zero byte.
fn text(data: &[u8]) -> Result<&str, ScramError> {
    if data.is_empty() {
        return Err(Malformed("it is empty"));
    }
    if data.len() > MESSAGE_BYTES_MAX {
        return Err(Malformed("it is too long"));
    }
    let text = std::str::from_utf8(data).map_err(|_| Malformed("it is not UTF-8"))?;
    if text.contains('\0') { Err(Malformed("it has a zero byte inside")) } else { Ok(text) }
}

/// Takes `letter=value` apart where the letter is this one.
fn value<'a>(attribute: Option<&'a str>, letter: &str, missing: &'static str) -> Result<&'a str, ScramError> {
    let value = attribute.and_then(|a| a.strip_prefix(letter)).and_then(|a| a.strip_prefix('='));
    value.ok_or(Malformed(missing))
}

/// Attributes that nobody knows are passed over, as long as they are some.
fn only_attributes<'a>(mut rest: impl Iterator<Item = &'a str>) -> Result<(), ScramError> {
    let fine = |a: &str| matches!(a.as_bytes(), [letter, b'=', ..] if letter.is_ascii_alphabetic());
    if rest.all(fine) { Ok(()) } else { Err(Malformed("an attribute is not a letter, an equals sign and a value")) }
}

/// Printable ASCII without a comma, and bounded.
fn nonce_fits(nonce: &str) -> Result<(), ScramError> {
    if nonce.is_empty() || !nonce.bytes().all(|b| b.is_ascii_graphic() && b != b',') {
        return Err(Malformed("its nonce is empty or not printable"));
    }
    if nonce.len() > NONCE_BYTES_MAX { Err(Malformed("its nonce is too long")) } else { Ok(()) }
}

pub(super) fn first(data: &[u8]) -> Result<First<'_>, ScramError> {
    let text = text(data)?;
    let mut parts = text.splitn(3, ',');
    let binding = match parts.next() {
        Some("n") => Binding::No,
        Some("y") => Binding::Yes,
        Some("p=tls-server-end-point") => Binding::EndPoint,
        Some(other) if other.starts_with("p=") => return Err(Unsupported("another channel binding type")),
        _ => return Err(Malformed("its channel binding flag is not n, y or p")),
    };
    match parts.next() {
        Some("") => {}
        Some(other) if other.starts_with("a=") => return Err(Unsupported("an authorization identity")),
        _ => return Err(Malformed("its header does not end in two commas")),
    }
    let bare = parts.next().ok_or(Malformed("its header does not end in two commas"))?;
    let mut attributes = bare.split(',');
    let user = attributes.next();
    if user.is_some_and(|a| a.starts_with("m=")) {
        return Err(Unsupported("a mandatory extension"));
    }
    // which user it is stands in the startup message; PostgreSQL's clients leave this one empty
    value(user, "n", "it has no user name")?;
    let nonce = value(attributes.next(), "r", "it has no nonce")?;
    nonce_fits(nonce)?;
    only_attributes(attributes)?;
    Ok(First { binding, bare, nonce })
}

pub(super) fn last(data: &[u8]) -> Result<Last<'_>, ScramError> {
    let text = text(data)?;
    let (without_proof, proof) = text.rsplit_once(',').ok_or(Malformed("it has no proof"))?;
    let proof = value(Some(proof), "p", "its last attribute is not a proof")?;
    let mut attributes = without_proof.split(',');
    let binding = value(attributes.next(), "c", "it has no channel binding")?;
    let nonce = value(attributes.next(), "r", "it has no nonce")?;
    only_attributes(attributes)?;
    Ok(Last { without_proof, binding, nonce, proof })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_messages() {
        let read = first(b"n,,n=,r=abc").unwrap();
        assert_eq!(read, First { binding: Binding::No, bare: "n=,r=abc", nonce: "abc" });
        let read = first("y,,n=ü=2C,r=a=b,x=1".as_bytes()).unwrap();
        assert_eq!(read, First { binding: Binding::Yes, bare: "n=ü=2C,r=a=b,x=1", nonce: "a=b" });
        assert_eq!(first(b"p=tls-server-end-point,,n=,r=a").unwrap().binding, Binding::EndPoint);
        for (bad, why) in [
            (&b""[..], Malformed("it is empty")),
            (b"\xff", Malformed("it is not UTF-8")),
            (b"n,,n=,r=a\0", Malformed("it has a zero byte inside")),
            (b"n", Malformed("its header does not end in two commas")),
            (b"n,", Malformed("its header does not end in two commas")),
            (b"x,,n=,r=a", Malformed("its channel binding flag is not n, y or p")),
            (b"nn,,n=,r=a", Malformed("its channel binding flag is not n, y or p")),
            (b"p=tls-unique,,n=,r=a", Unsupported("another channel binding type")),
            (b"p=,,n=,r=a", Unsupported("another channel binding type")),
            (b"n,a=other,n=,r=a", Unsupported("an authorization identity")),
            (b"n,x,n=,r=a", Malformed("its header does not end in two commas")),
            (b"n,,m=x,n=,r=a", Unsupported("a mandatory extension")),
            (b"n,,r=a,n=", Malformed("it has no user name")),
            (b"n,,n=", Malformed("it has no nonce")),
            (b"n,,n=,", Malformed("it has no nonce")),
            (b"n,,n=,r=", Malformed("its nonce is empty or not printable")),
            (b"n,,n=,r=a b", Malformed("its nonce is empty or not printable")),
            (b"n,,n=,r=\xc3\xa9", Malformed("its nonce is empty or not printable")),
            (b"n,,n=,r=a,", Malformed("an attribute is not a letter, an equals sign and a value")),
            (b"n,,n=,r=a,1=x", Malformed("an attribute is not a letter, an equals sign and a value")),
        ] {
            assert_eq!(first(bad), Err(why), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn last_messages() {
        let read = last(b"c=biws,r=ab,x=1,p=cHJvb2Y=").unwrap();
        let expected = Last { without_proof: "c=biws,r=ab,x=1", binding: "biws", nonce: "ab", proof: "cHJvb2Y=" };
        assert_eq!(read, expected);
        for (bad, why) in [
            (&b"c=biws"[..], Malformed("it has no proof")),
            (b"c=biws,r=ab", Malformed("its last attribute is not a proof")),
            (b"c=biws,r=ab,p=x,", Malformed("its last attribute is not a proof")),
            (b"c=biws,r=ab,p=x,y=z", Malformed("its last attribute is not a proof")),
            (b"c=biws,p=x", Malformed("it has no nonce")),
            (b"r=ab,c=biws,p=x", Malformed("it has no channel binding")),
            (b"c=biws,r=ab,xx,p=x", Malformed("an attribute is not a letter, an equals sign and a value")),
        ] {
            assert_eq!(last(bad), Err(why), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn long_messages_are_refused() {
        let nonce = |bytes: usize| format!("n,,n=,r={}", "x".repeat(bytes)).into_bytes();
        assert!(first(&nonce(NONCE_BYTES_MAX)).is_ok());
        assert_eq!(first(&nonce(NONCE_BYTES_MAX + 1)), Err(Malformed("its nonce is too long")));
        assert_eq!(first(&nonce(MESSAGE_BYTES_MAX)), Err(Malformed("it is too long")));
        assert_eq!(last(&[b'c'; MESSAGE_BYTES_MAX + 1]), Err(Malformed("it is too long")));
    }
}
