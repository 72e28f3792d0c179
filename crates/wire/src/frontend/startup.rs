//! The first bytes of a connection: a request for encryption, a cancellation, or who wants to talk to what.
//!
//! They carry no type. After a request for encryption the caller must make sure that nothing stands behind the bytes
//! it consumed: what a client, or somebody in between, sent before TLS must not be read as sent inside it.

use std::fmt;

use crate::error::{Message, WireError};
use crate::hidden::Hidden;
use crate::read::Reader;

/// Most bytes behind the length field: the server's bound.
pub const STARTUP_BYTES_MAX: usize = 10_000;

/// Most parameters, a bound of ours: clients send five, and each costs more memory here than bytes on the wire.
pub const STARTUP_PARAMETERS_MAX: usize = 256;

/// The first byte of a client that begins with TLS at once. No startup packet begins with it.
pub const TLS_HANDSHAKE: u8 = 0x16;

const SSL: Message = Message::client("SSLRequest");
const GSS: Message = Message::client("GSSENCRequest");
const CANCEL: Message = Message::client("CancelRequest");
pub(super) const START: Message = Message::client("StartupMessage");

/// The codes that stand where a version would.
pub(super) const CANCEL_CODE: u32 = 0x04d2_162e;
pub(super) const SSL_CODE: u32 = 0x04d2_162f;
pub(super) const GSS_CODE: u32 = 0x04d2_1630;

/// Least and most bytes of a key that cancels; protocol 3.0 has exactly four.
pub(super) const SECRET_BYTES: std::ops::RangeInclusive<usize> = 4..=256;

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProtocolVersion {
    /// Major number, always 3 in what is read here.
    pub major: u16,
    /// Minor number; any, since a server answers one it does not know with NegotiateProtocolVersion.
    pub minor: u16,
}

impl ProtocolVersion {
    /// What every client speaks.
    pub const V3_0: Self = Self { major: 3, minor: 0 };
    /// Longer keys to cancel with.
    pub const V3_2: Self = Self { major: 3, minor: 2 };
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// How a connection begins.
#[derive(Clone, PartialEq, Eq)]
pub enum Startup {
    /// The client asks for TLS.
    Ssl,
    /// The client asks for encryption by GSSAPI.
    Gss,
    /// The client asks to cancel what another connection runs.
    Cancel {
        /// The process number it was told.
        pid: i32,
        /// The secret it was told, 4 to 256 bytes. Compare in constant time.
        secret: Vec<u8>,
    },
    /// The client wants a session.
    Start(StartupMessage),
}

impl fmt::Debug for Startup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ssl => f.write_str("Ssl"),
            Self::Gss => f.write_str("Gss"),
            Self::Cancel { pid, secret } => {
                f.debug_struct("Cancel").field("pid", pid).field("secret", &Hidden(secret.len())).finish()
            }
            Self::Start(start) => f.debug_tuple("Start").field(start).finish(),
        }
    }
}

/// Who wants to talk to what, and with which settings. Nothing is sorted out: a name may stand twice. `Debug` shows
/// names only, because `options` may carry a tenant's context.
#[derive(Clone, PartialEq, Eq)]
pub struct StartupMessage {
    /// The version asked for.
    pub version: ProtocolVersion,
    /// Names and values in the client's order, duplicates kept, options of the protocol (`_pq_.`) among them.
    pub parameters: Vec<(String, String)>,
}

impl fmt::Debug for StartupMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("StartupMessage").field("version", &self.version).field("parameters", &names).finish()
    }
}

impl StartupMessage {
    /// All values given for a name, in order. A server takes the last.
    pub fn values<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m str> {
        self.parameters.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// A name that stands more than once: such a message says two things, and readers may differ on which.
    pub fn duplicate(&self) -> Option<&str> {
        let mut names: Vec<&str> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.array_windows().find(|[a, b]| a == b).map(|[name, _]| *name)
    }

    /// The names of options of the protocol, which a server that does not know them answers in
    /// NegotiateProtocolVersion.
    pub fn protocol_options(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|(name, _)| name.as_str()).filter(|name| name.starts_with("_pq_."))
    }
}

/// Reads the packet at the beginning of `buf` and says how many bytes it took. `None`: more bytes are needed; how
/// many is bounded, and a length that cannot be is refused as soon as it is there.
pub fn startup(buf: &[u8]) -> Result<Option<(Startup, usize)>, WireError> {
    let Some((length, behind)) = buf.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*length);
    let wrong = WireError::StartupLength { length, most: STARTUP_BYTES_MAX.saturating_add(4) };
    let size = usize::try_from(length).ok().and_then(|l| l.checked_sub(4)).ok_or(wrong)?;
    if !(4..=STARTUP_BYTES_MAX).contains(&size) {
        return Err(wrong);
    }
    let Some((body, after)) = behind.split_at_checked(size) else { return Ok(None) };
    Ok(Some((packet(body)?, buf.len().saturating_sub(after.len()))))
}

fn packet(body: &[u8]) -> Result<Startup, WireError> {
    let code = Reader::new(START, body).u32("version")?;
    let after_code = |message| {
        let mut reader = Reader::new(message, body);
        reader.u32("code").map(|_| reader)
    };
    match code {
        SSL_CODE => after_code(SSL)?.end().map(|()| Startup::Ssl),
        GSS_CODE => after_code(GSS)?.end().map(|()| Startup::Gss),
        CANCEL_CODE => cancel(after_code(CANCEL)?),
        _ => start(after_code(START)?, code).map(Startup::Start),
    }
}

fn cancel(mut reader: Reader<'_>) -> Result<Startup, WireError> {
    let pid = reader.i32("process number")?;
    let secret = reader.rest();
    secret_fits(CANCEL, secret)?;
    Ok(Startup::Cancel { pid, secret: secret.to_vec() })
}

/// Whether a key that cancels has one of the lengths there are.
pub(crate) fn secret_fits(message: Message, secret: &[u8]) -> Result<(), WireError> {
    let (field, bytes) = ("secret", secret.len());
    if bytes < *SECRET_BYTES.start() {
        return Err(WireError::Truncated { message, field });
    }
    if bytes > *SECRET_BYTES.end() {
        return Err(WireError::TooLong { message, field, bytes, most: *SECRET_BYTES.end() });
    }
    Ok(())
}

fn start(mut reader: Reader<'_>, code: u32) -> Result<StartupMessage, WireError> {
    let [a, b, c, d] = code.to_be_bytes();
    let version = ProtocolVersion { major: u16::from_be_bytes([a, b]), minor: u16::from_be_bytes([c, d]) };
    if version.major != 3 {
        return Err(WireError::Version { major: version.major, minor: version.minor });
    }
    let mut parameters = Vec::new();
    loop {
        let name = reader.text("parameter name")?;
        if name.is_empty() {
            break;
        }
        if parameters.len() == STARTUP_PARAMETERS_MAX {
            return Err(WireError::TooMany { message: START, field: "parameters", most: STARTUP_PARAMETERS_MAX });
        }
        parameters.push((name.to_owned(), reader.text("parameter value")?.to_owned()));
    }
    reader.end()?;
    Ok(StartupMessage { version, parameters })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet_of(code: u32, rest: &[u8]) -> Vec<u8> {
        let mut bytes = (u32::try_from(rest.len()).unwrap() + 8).to_be_bytes().to_vec();
        bytes.extend(code.to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    fn start_of(rest: &[u8]) -> Result<StartupMessage, WireError> {
        match startup(&packet_of(0x0003_0000, rest)) {
            Ok(Some((Startup::Start(message), _))) => Ok(message),
            Err(error) => Err(error),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn parameters_keep_their_order_and_their_duplicates() {
        let read = start_of(b"user\0a\0database\0d\0user\0b\0_pq_.x\0\0\0").unwrap();
        assert_eq!(read.version, ProtocolVersion::V3_0);
        assert_eq!(read.values("user").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(read.duplicate(), Some("user"));
        assert_eq!(read.protocol_options().collect::<Vec<_>>(), ["_pq_.x"]);
        assert_eq!(read.parameters.len(), 4);
        let shown = format!("{read:?}");
        assert!(shown.ends_with(r#"parameters: ["user", "database", "user", "_pq_.x"] }"#), "{shown}");
        assert_eq!(start_of(b"\0").unwrap().duplicate(), None);
    }

    #[test]
    fn a_packet_cut_anywhere_asks_for_more_and_never_reads_what_follows() {
        let mut bytes = packet_of(0x0003_0002, b"user\0a\0\0");
        let whole = bytes.len();
        bytes.extend(b"Q\0\0\0\x04");
        for len in 0..whole {
            assert_eq!(startup(&bytes[..len]), Ok(None), "{len}");
        }
        assert_eq!(startup(&bytes).unwrap().unwrap().1, whole);
    }

    #[test]
    fn lengths_out_of_bounds_are_refused_at_once() {
        for bad in [0u32, 3, 4, 7, 10_005, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
            let refused = startup(&bad.to_be_bytes()).unwrap_err();
            assert_eq!(refused, WireError::StartupLength { length: bad, most: 10_004 });
        }
        assert_eq!(startup(&10_004u32.to_be_bytes()), Ok(None));
        assert!(matches!(startup(b"\x16\x03\x01\x02\0"), Err(WireError::StartupLength { .. })), "a TLS client");
        assert!(matches!(startup(b"GET / HTTP/1.1\r\n"), Err(WireError::StartupLength { .. })), "a browser");
    }

    #[test]
    fn the_layout_is_strict() {
        let bad: [(&[u8], &str); 7] = [
            (b"", "the parameter name of StartupMessage does not end in a zero byte"),
            (b"user\0a\0", "the parameter name of StartupMessage does not end in a zero byte"),
            (b"user\0", "the parameter value of StartupMessage does not end in a zero byte"),
            (b"user\0a\0\0x", "1 bytes follow the last field of StartupMessage"),
            (b"user\0a\0\0\0", "1 bytes follow the last field of StartupMessage"),
            (b"user\0\xc0\x80\0\0", "the parameter value of StartupMessage is not UTF-8"),
            (b"us\xffer\0a\0\0", "the parameter name of StartupMessage is not UTF-8"),
        ];
        for (rest, text) in bad {
            let refused = start_of(rest).unwrap_err();
            assert_eq!(refused.to_string(), text);
            assert_eq!((refused.code(), refused.class()), ("08P01", tenantry_model::Class::Caller));
        }
        let most = [&b"a\0\0".repeat(STARTUP_PARAMETERS_MAX)[..], b"\0"].concat();
        assert_eq!(start_of(&most).unwrap().parameters.len(), STARTUP_PARAMETERS_MAX);
        let more = [b"a\0\0", &most[..]].concat();
        assert!(matches!(start_of(&more), Err(WireError::TooMany { .. })));
    }

    #[test]
    fn other_versions_are_not_read() {
        for (code, major, minor) in [(0x0002_0000, 2, 0), (0x0004_0000, 4, 0), (0x04d2_1631, 1234, 5681), (0, 0, 0)] {
            let refused = startup(&packet_of(code, b"\0")).unwrap_err();
            assert_eq!(refused, WireError::Version { major, minor });
            assert_eq!(refused.code(), "0A000");
        }
        let (read, _) = startup(&packet_of(0x0003_270f, b"\0")).unwrap().unwrap();
        let expected = ProtocolVersion { major: 3, minor: 9999 };
        assert!(matches!(read, Startup::Start(StartupMessage { version, .. }) if version == expected));
    }

    #[test]
    fn requests_have_no_fields_and_secrets_have_bounds() {
        assert_eq!(startup(&packet_of(SSL_CODE, b"")), Ok(Some((Startup::Ssl, 8))));
        assert_eq!(startup(&packet_of(GSS_CODE, b"")), Ok(Some((Startup::Gss, 8))));
        assert!(startup(&packet_of(SSL_CODE, b"\0")).is_err());
        assert!(startup(&packet_of(GSS_CODE, b"\0")).is_err());
        for (bytes, good) in [(0, false), (3, false), (4, true), (32, true), (256, true), (257, false)] {
            let packet = packet_of(CANCEL_CODE, &[&[0, 0, 0, 7], &vec![9; bytes][..]].concat());
            assert_eq!(startup(&packet).is_ok(), good, "{bytes}");
        }
        let (cancel, _) = startup(&packet_of(CANCEL_CODE, b"\0\0\0\x07\x01\x02\x03\x04")).unwrap().unwrap();
        assert_eq!(format!("{cancel:?}"), "Cancel { pid: 7, secret: <4 bytes> }");
    }
}
