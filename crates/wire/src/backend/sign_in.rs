//! How a server asks who the client is, and which version of the protocol it settles on.

use std::fmt;

use crate::error::{Message, WireError};
use crate::hidden::Hidden;
use crate::read::Reader;
use crate::tag::backend as tag;

use super::message;

const AUTHENTICATION: Message = Message::server("Authentication");
const NEGOTIATE: Message = Message::server("NegotiateProtocolVersion");

/// Most mechanisms or options in one message, a bound of ours: PostgreSQL has two mechanisms.
pub const MECHANISMS_MAX: usize = 16;

/// What a server asks for.
#[derive(Clone, PartialEq, Eq)]
pub enum Authentication<'a> {
    /// Nothing more.
    Ok,
    /// The password as it is.
    CleartextPassword,
    /// The password's MD5 with a salt.
    Md5 {
        /// The salt.
        salt: [u8; 4],
    },
    /// One of these mechanisms.
    Sasl {
        /// In the server's order.
        mechanisms: Vec<&'a str>,
    },
    /// The mechanism's next message.
    SaslContinue(&'a [u8]),
    /// The mechanism's last message.
    SaslFinal(&'a [u8]),
    /// Something that is not spoken here: GSSAPI, SSPI, Kerberos.
    Other(i32),
}

impl fmt::Debug for Authentication<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("Ok"),
            Self::CleartextPassword => f.write_str("CleartextPassword"),
            Self::Md5 { .. } => f.write_str("Md5"),
            Self::Sasl { mechanisms } => f.debug_struct("Sasl").field("mechanisms", mechanisms).finish(),
            Self::SaslContinue(data) => f.debug_tuple("SaslContinue").field(&Hidden(data.len())).finish(),
            Self::SaslFinal(data) => f.debug_tuple("SaslFinal").field(&Hidden(data.len())).finish(),
            Self::Other(code) => f.debug_tuple("Other").field(code).finish(),
        }
    }
}

/// Reads an Authentication message.
pub fn authentication(body: &[u8]) -> Result<Authentication<'_>, WireError> {
    let mut reader = Reader::new(AUTHENTICATION, body);
    let asked = match reader.i32("code")? {
        0 => Authentication::Ok,
        3 => Authentication::CleartextPassword,
        5 => Authentication::Md5 { salt: reader.array("salt")? },
        10 => Authentication::Sasl { mechanisms: list(&mut reader)? },
        11 => return Ok(Authentication::SaslContinue(reader.rest())),
        12 => return Ok(Authentication::SaslFinal(reader.rest())),
        other => return Ok(Authentication::Other(other)),
    };
    reader.end()?;
    Ok(asked)
}

/// Names up to an empty one.
fn list<'a>(reader: &mut Reader<'a>) -> Result<Vec<&'a str>, WireError> {
    let mut names = Vec::new();
    loop {
        match reader.text("mechanisms")? {
            "" => return Ok(names),
            _ if names.len() == MECHANISMS_MAX => {
                return Err(WireError::TooMany {
                    message: reader.message(),
                    field: "mechanisms",
                    most: MECHANISMS_MAX,
                });
            }
            name => names.push(name),
        }
    }
}

/// Reads a NegotiateProtocolVersion: the newest minor version that the server speaks, and the options it does not know.
pub fn negotiate_protocol_version(body: &[u8]) -> Result<(u32, Vec<&str>), WireError> {
    let mut reader = Reader::new(NEGOTIATE, body);
    let newest = reader.u32("version")?;
    let (count, field) = (reader.u32("count")?, "options");
    if usize::try_from(count).is_ok_and(|c| c > MECHANISMS_MAX) {
        return Err(WireError::TooMany { message: NEGOTIATE, field, most: MECHANISMS_MAX });
    }
    let options = (0..count).map(|_| reader.text(field)).collect::<Result<_, _>>()?;
    reader.end()?;
    Ok((newest, options))
}

/// An AuthenticationOk.
pub fn write_authentication_ok(out: &mut Vec<u8>) {
    write_code(out, 0);
}

/// An AuthenticationCleartextPassword.
pub fn write_cleartext(out: &mut Vec<u8>) {
    write_code(out, 3);
}

fn write_code(out: &mut Vec<u8>, code: u8) {
    out.extend_from_slice(&[tag::AUTHENTICATION, 0, 0, 0, 8, 0, 0, 0, code]);
}

/// An AuthenticationSASL: the mechanisms to choose from, the best first.
pub fn write_sasl(out: &mut Vec<u8>, mechanisms: &[&str]) -> Result<(), WireError> {
    message(out, tag::AUTHENTICATION, AUTHENTICATION, |w| {
        w.i32(10);
        for name in mechanisms {
            if name.is_empty() {
                return Err(WireError::Empty { message: AUTHENTICATION, field: "mechanisms" });
            }
            w.string(name.as_bytes(), "mechanisms")?;
        }
        w.u8(0);
        Ok(())
    })
}

/// An AuthenticationSASLContinue.
pub fn write_sasl_continue(out: &mut Vec<u8>, data: &[u8]) -> Result<(), WireError> {
    write_data(out, 11, data)
}

/// An AuthenticationSASLFinal.
pub fn write_sasl_final(out: &mut Vec<u8>, data: &[u8]) -> Result<(), WireError> {
    write_data(out, 12, data)
}

fn write_data(out: &mut Vec<u8>, code: i32, data: &[u8]) -> Result<(), WireError> {
    message(out, tag::AUTHENTICATION, AUTHENTICATION, |w| {
        w.i32(code);
        w.bytes(data);
        Ok(())
    })
}

/// A NegotiateProtocolVersion. `newest` is the whole version, as PostgreSQL sends it: 3.2 is `0x0003_0002`.
pub fn write_negotiate_protocol_version(out: &mut Vec<u8>, newest: u32, unknown: &[&str]) -> Result<(), WireError> {
    message(out, tag::NEGOTIATE_PROTOCOL_VERSION, NEGOTIATE, |w| {
        w.u32(newest);
        let too_many = WireError::TooMany { message: NEGOTIATE, field: "options", most: MECHANISMS_MAX };
        w.u32(u32::try_from(unknown.len()).map_err(|_| too_many)?);
        unknown.iter().try_for_each(|option| w.string(option.as_bytes(), "options"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_asks_for() {
        assert_eq!(authentication(b"\0\0\0\0"), Ok(Authentication::Ok));
        assert_eq!(authentication(b"\0\0\0\x03"), Ok(Authentication::CleartextPassword));
        assert_eq!(authentication(b"\0\0\0\x05salt"), Ok(Authentication::Md5 { salt: *b"salt" }));
        assert_eq!(authentication(b"\0\0\0\x0aA\0B\0\0"), Ok(Authentication::Sasl { mechanisms: vec!["A", "B"] }));
        assert_eq!(authentication(b"\0\0\0\x0bdata"), Ok(Authentication::SaslContinue(b"data")));
        assert_eq!(authentication(b"\0\0\0\x0c"), Ok(Authentication::SaslFinal(b"")));
        assert_eq!(authentication(b"\0\0\0\x07what it says"), Ok(Authentication::Other(7)));
        assert_eq!(authentication(b"\xff\xff\xff\xff"), Ok(Authentication::Other(-1)));
    }

    #[test]
    fn questions_that_are_none() {
        for bad in [
            &b""[..],
            b"\0\0\0",
            b"\0\0\0\0\0",
            b"\0\0\0\x03x",
            b"\0\0\0\x05sal",
            b"\0\0\0\x05salty",
            b"\0\0\0\x0a",
            b"\0\0\0\x0aA\0B\0",
            b"\0\0\0\x0aA\0\0B",
            b"\0\0\0\x0a\xff\0\0",
        ] {
            assert!(authentication(bad).is_err(), "{}", bad.escape_ascii());
        }
        let many = |count: usize| [b"\0\0\0\x0a", &b"A\0".repeat(count)[..], b"\0"].concat();
        assert!(authentication(&many(MECHANISMS_MAX)).is_ok());
        assert!(matches!(authentication(&many(MECHANISMS_MAX + 1)), Err(WireError::TooMany { most: 16, .. })));
    }

    #[test]
    fn what_passes_by_is_not_printed() {
        assert_eq!(format!("{:?}", authentication(b"\0\0\0\x0bv=secret")), "Ok(SaslContinue(<8 bytes>))");
        assert_eq!(format!("{:?}", authentication(b"\0\0\0\x05salt")), "Ok(Md5)");
    }

    #[test]
    fn options_are_as_many_as_the_server_says() {
        assert_eq!(negotiate_protocol_version(b"\0\x03\0\0\0\0\0\0"), Ok((0x0003_0000, vec![])));
        assert_eq!(negotiate_protocol_version(b"\0\0\0\0\0\0\0\x02_pq_.a\0b\0"), Ok((0, vec!["_pq_.a", "b"])));
        for bad in [
            &b"\0\0\0\0"[..],
            b"\0\0\0\0\0\0\0\x01",
            b"\0\0\0\0\0\0\0\x01a\0b\0",
            b"\0\0\0\0\0\0\0\x11",
            b"\0\0\0\0\xff\xff\xff\xff",
        ] {
            assert!(negotiate_protocol_version(bad).is_err(), "{}", bad.escape_ascii());
        }
    }
}
