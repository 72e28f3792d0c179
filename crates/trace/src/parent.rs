//! W3C `traceparent`: which trace a request belongs to, and which span of it asks.

/// Which trace: 128 bits, not all zero.
pub type TraceId = [u8; 16];
/// Which span of a trace: 64 bits, not all zero.
pub type SpanId = [u8; 8];

/// A trace, and the span in it that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The trace.
    pub trace: TraceId,
    /// The span that asks.
    pub span: SpanId,
    /// Whoever asks records its part.
    pub sampled: bool,
}

/// Length of the text.
const TEXT_LENGTH: usize = 55;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

impl Parent {
    /// Reads the header's value. `None` for whatever is not exactly of version 00: whoever gets that begins anew.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != TEXT_LENGTH || !bytes.starts_with(b"00-") || bytes[35] != b'-' || bytes[52] != b'-' {
            return None;
        }
        let (trace, span) = (read(&bytes[3..35])?, read(&bytes[36..52])?);
        let [flags] = read(&bytes[53..])?;
        (trace != [0; 16] && span != [0; 8]).then_some(Self { trace, span, sampled: flags & 1 != 0 })
    }

    /// Writes it behind what is there.
    pub fn write(&self, out: &mut String) {
        out.push_str("00-");
        hex(&self.trace, out);
        out.push('-');
        hex(&self.span, out);
        out.push_str(if self.sampled { "-01" } else { "-00" });
    }

    /// The trace's id: 32 hexadecimal digits.
    pub fn trace_text(&self) -> String {
        let mut out = String::with_capacity(32);
        hex(&self.trace, &mut out);
        out
    }

    /// As the header has it.
    pub fn text(&self) -> String {
        let mut out = String::with_capacity(TEXT_LENGTH);
        self.write(&mut out);
        out
    }
}

fn read<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let digit = |d: u8| DIGITS.iter().position(|known| *known == d);
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        // two digits are at most 255
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(out)
}

/// Writes lower-case hexadecimal digits behind what is there.
pub(crate) fn hex(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn it_survives_its_text() {
        let parent = Parent::parse(TEXT).unwrap();
        assert!(parent.sampled);
        assert_eq!((parent.text().as_str(), parent.trace_text().as_str()), (TEXT, &TEXT[3..35]));
        let quiet = Parent { sampled: false, ..parent };
        assert_eq!(Parent::parse(&quiet.text()), Some(quiet));
        // bits that nobody knows yet mean nothing here
        assert!(!Parent::parse(&TEXT.replace("-01", "-fe")).unwrap().sampled);
    }

    #[test]
    fn what_is_none_is_none() {
        for bad in [
            "",
            "00-0-0-0",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0af7651916cd43dd8448eb211c80319cb-7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333é",
        ] {
            assert_eq!(Parent::parse(bad), None, "{bad}");
        }
    }
}
