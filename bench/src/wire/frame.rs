//! One message from a server or pooler: a letter, a length, a body. Read whole, looked into only where needed.

use bytes::{Buf, Bytes, BytesMut};

use super::{ServerError, WireError};

/// No message is longer; a length beyond it means that the stream is out of step.
pub const FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its letter.
    pub tag: u8,
    /// What follows the length.
    pub body: Bytes,
}

impl Frame {
    /// Takes the first whole message out of what has arrived; `None` if it is not all there yet.
    pub fn take(inbox: &mut BytesMut) -> Result<Option<Self>, WireError> {
        let Some(header) = inbox.first_chunk::<5>() else { return Ok(None) };
        let [tag, a, b, c, d] = *header;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if !(4..=FRAME_BYTES_MAX).contains(&length) || !tag.is_ascii_alphanumeric() {
            return Err(WireError::Protocol(format!("a message of type {tag:#04x} and {length} bytes")));
        }
        if inbox.len() < length + 1 {
            inbox.reserve(length + 1 - inbox.len());
            return Ok(None);
        }
        let mut whole = inbox.split_to(length + 1).freeze();
        whole.advance(5);
        Ok(Some(Self { tag, body: whole }))
    }

    /// The columns of a DataRow in text form; `None` is NULL.
    pub fn columns(&self) -> Result<Vec<Option<Bytes>>, WireError> {
        let short = || WireError::Protocol("a row that ends too early".into());
        let mut rest = self.body.clone();
        let count = rest.try_get_u16().map_err(|_| short())?;
        let mut columns = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let length = rest.try_get_i32().map_err(|_| short())?;
            columns.push(match usize::try_from(length) {
                Ok(length) if length <= rest.len() => Some(rest.split_to(length)),
                Ok(_) => return Err(short()),
                Err(_) => None,
            });
        }
        if rest.is_empty() { Ok(columns) } else { Err(WireError::Protocol("a row with bytes behind it".into())) }
    }

    /// What an ErrorResponse says.
    pub fn error(&self) -> ServerError {
        let mut error = ServerError::default();
        for field in self.body.split(|byte| *byte == 0).filter(|f| !f.is_empty()) {
            let text = String::from_utf8_lossy(&field[1..]).into_owned();
            match field[0] {
                b'V' => error.severity = text,
                b'C' => error.code = text,
                b'M' => error.message = text,
                _ => {}
            }
        }
        error
    }

    /// Name and value of a ParameterStatus.
    pub fn parameter(&self) -> Result<(String, String), WireError> {
        let mut parts = self.body.split(|byte| *byte == 0).map(|p| String::from_utf8_lossy(p).into_owned());
        match (parts.next(), parts.next()) {
            (Some(name), Some(value)) if !name.is_empty() => Ok((name, value)),
            _ => Err(WireError::Protocol("a parameter without a name".into())),
        }
    }

    /// The body as text, without the byte that ends it: the tag of a CommandComplete.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.body.strip_suffix(b"\0").unwrap_or(&self.body)).into_owned()
    }

    /// The first byte of the body: the status of a ReadyForQuery.
    pub fn status(&self) -> u8 {
        self.body.first().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bytes: &[u8]) -> Result<Option<Frame>, WireError> {
        Frame::take(&mut BytesMut::from(bytes))
    }

    #[test]
    fn a_frame_is_taken_whole_or_not_at_all() {
        let whole = b"Z\0\0\0\x05IC";
        for end in 0..6 {
            assert!(taken(&whole[..end]).unwrap().is_none(), "{end}");
        }
        assert_eq!(taken(whole).unwrap().unwrap().status(), b'I');
    }

    #[test]
    fn a_stream_out_of_step_is_noticed() {
        for bad in [&b"Z\0\0\0\x03"[..], b"Z\xff\xff\xff\xff", b"\0\0\0\0\x05"] {
            assert!(matches!(taken(bad), Err(WireError::Protocol(_))), "{bad:?}");
        }
    }

    #[test]
    fn rows_are_read_to_their_last_byte() {
        let row = |body: &'static [u8]| Frame { tag: b'D', body: Bytes::from_static(body) }.columns();
        let columns = row(b"\0\x02\0\0\0\x0242\xff\xff\xff\xff").unwrap();
        assert_eq!(columns, [Some(Bytes::from_static(b"42")), None]);
        assert!(row(b"\0\x01\0\0\0\x0342").is_err() && row(b"\0\x00x").is_err());
    }

    #[test]
    fn errors_keep_what_a_program_needs() {
        let body = Bytes::from_static(b"SFEHLER\0VERROR\0C57014\0Mcanceled\0\0");
        let error = Frame { tag: b'E', body }.error();
        assert_eq!((&*error.severity, &*error.code, &*error.message), ("ERROR", "57014", "canceled"));
    }
}
