//! What a client answers when it is asked who it is. All of it travels as messages of type `p`.

use std::fmt;

use crate::error::{Message, WireError};
use crate::hidden::Hidden;
use crate::read::Reader;

const PASSWORD: Message = Message::client("PasswordMessage");
const SASL_INITIAL: Message = Message::client("SASLInitialResponse");

/// The first answer of a client to a server that asked for SASL.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SaslInitial<'a> {
    /// The mechanism it chose.
    pub mechanism: &'a str,
    /// The mechanism's first message; empty also where the client sent none.
    pub data: &'a [u8],
}

impl fmt::Debug for SaslInitial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaslInitial")
            .field("mechanism", &self.mechanism)
            .field("data", &Hidden(self.data.len()))
            .finish()
    }
}

/// Reads a SASLInitialResponse. A SASLResponse needs no reader: its body is the mechanism's message.
pub fn sasl_initial(body: &[u8]) -> Result<SaslInitial<'_>, WireError> {
    let mut reader = Reader::new(SASL_INITIAL, body);
    let mechanism = reader.text("mechanism")?;
    let data = reader.value("data")?.unwrap_or_default();
    reader.end()?;
    Ok(SaslInitial { mechanism, data })
}

/// Reads a PasswordMessage: the password without its zero byte. Take care not to print it.
pub fn password(body: &[u8]) -> Result<&[u8], WireError> {
    let mut reader = Reader::new(PASSWORD, body);
    let password = reader.string("password")?;
    reader.end()?;
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_message_may_be_missing() {
        let missing = sasl_initial(b"SCRAM-SHA-256\0\xff\xff\xff\xff").unwrap();
        assert_eq!(missing, SaslInitial { mechanism: "SCRAM-SHA-256", data: b"" });
        let said = sasl_initial(b"X\0\0\0\0\x03abc").unwrap();
        assert_eq!(said, SaslInitial { mechanism: "X", data: b"abc" });
        assert_eq!(format!("{said:?}"), r#"SaslInitial { mechanism: "X", data: <3 bytes> }"#);
        for bad in [&b"X\0\0\0\0\x04abc"[..], b"X\0\0\0\0\x02abc", b"X\0\xff\xff\xff\xfe", b"X", b"\xff\0\0\0\0\0", b""]
        {
            assert!(sasl_initial(bad).is_err());
        }
    }

    #[test]
    fn a_password_ends_in_the_only_zero_byte() {
        assert_eq!(password(b"secret\0"), Ok(&b"secret"[..]));
        assert_eq!(password(b"\0"), Ok(&b""[..]));
        assert!(password(b"secret").is_err());
        assert!(password(b"sec\0ret\0").is_err());
        assert!(password(b"").is_err());
    }
}
