//! Bodies: where they end, read piece by piece. Chunks are read as strictly as heads are.
//!
//! The decoder holds no bytes. It looks at what was read and says how much of it is framing, and how much is content.

use super::head::Framing;

/// Longest line before a chunk, extensions included.
const CHUNK_LINE_MAX: usize = 256;
/// Longest trailer section. Trailers are read over, never passed on: they are headers that nobody has checked.
const TRAILERS_MAX: usize = 4 * 1024;

/// A body that breaks its own rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken(pub(crate) &'static str);

/// What the bytes in front are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// So many bytes of framing, to be left out.
    Skip(usize),
    /// So many bytes of content.
    Content(usize),
    /// More has to be read first.
    More,
    /// The body has ended.
    End,
}

/// Where a reader is in a body.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Decoder {
    /// So many bytes are left.
    Length(u64),
    /// In front of the line with a chunk's size.
    ChunkLine,
    /// So many bytes of this chunk are left.
    Chunk(u64),
    /// In front of the line end behind a chunk.
    ChunkEnd,
    /// In front of the trailers; so many bytes of them were read over.
    Trailers(usize),
    /// Until the connection ends.
    Close,
    /// It has ended.
    End,
}

impl Decoder {
    /// For a body that ends like this.
    pub(crate) fn new(framing: Framing) -> Self {
        match framing {
            Framing::None | Framing::Length(0) => Self::End,
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::ChunkLine,
        }
    }

    /// Whether it has ended.
    pub(crate) fn is_end(self) -> bool {
        matches!(self, Self::End)
    }

    /// Looks at what is in front.
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Result<Piece, Broken> {
        match self {
            Self::End => Ok(Piece::End),
            _ if bytes.is_empty() => Ok(Piece::More),
            Self::Close => Ok(Piece::Content(bytes.len())),
            Self::Length(left) => {
                let (count, rest) = take(*left, bytes.len());
                *self = if rest == 0 { Self::End } else { Self::Length(rest) };
                Ok(Piece::Content(count))
            }
            Self::Chunk(left) => {
                let (count, rest) = take(*left, bytes.len());
                *self = if rest == 0 { Self::ChunkEnd } else { Self::Chunk(rest) };
                Ok(Piece::Content(count))
            }
            Self::ChunkEnd => match bytes {
                [b'\r', b'\n', ..] => {
                    *self = Self::ChunkLine;
                    Ok(Piece::Skip(2))
                }
                [b'\r'] => Ok(Piece::More),
                _ => Err(Broken("a chunk is longer than it says")),
            },
            Self::ChunkLine => {
                let Some(line) = line(bytes, CHUNK_LINE_MAX)? else { return Ok(Piece::More) };
                let size = chunk_size(line)?;
                *self = if size == 0 { Self::Trailers(0) } else { Self::Chunk(size) };
                Ok(Piece::Skip(line.len() + 2))
            }
            Self::Trailers(read) => {
                let Some(line) = line(bytes, TRAILERS_MAX)? else { return Ok(Piece::More) };
                *read += line.len() + 2;
                if *read > TRAILERS_MAX {
                    return Err(Broken("the trailers are too long"));
                }
                if line.is_empty() {
                    *self = Self::End;
                }
                Ok(Piece::Skip(line.len() + 2))
            }
        }
    }

    /// The stream has ended here: whether the body has, too.
    pub(crate) fn may_end(self) -> bool {
        matches!(self, Self::Close | Self::End)
    }
}

fn take(left: u64, available: usize) -> (usize, u64) {
    let count = usize::try_from(left).unwrap_or(usize::MAX).min(available);
    (count, left - count as u64)
}

/// The line in front without its end, which is CR LF.
fn line(bytes: &[u8], length_max: usize) -> Result<Option<&[u8]>, Broken> {
    let Some(at) = memchr::memchr2(b'\r', b'\n', bytes) else {
        return if bytes.len() > length_max {
            Err(Broken("a line of the body's framing is too long"))
        } else {
            Ok(None)
        };
    };
    match (bytes[at], bytes.get(at + 1)) {
        _ if at > length_max => Err(Broken("a line of the body's framing is too long")),
        (b'\r', None) => Ok(None),
        (b'\r', Some(b'\n')) => Ok(Some(&bytes[..at])),
        _ => Err(Broken("a line of the body's framing ends with something else than CR LF")),
    }
}

fn chunk_size(line: &[u8]) -> Result<u64, Broken> {
    const DIGITS_MAX: usize = 15;
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at(digits);
    if digits.is_empty() || digits.len() > DIGITS_MAX {
        return Err(Broken("the size of a chunk is no number"));
    }
    // extensions mean nothing to anybody; what is no extension means something to somebody
    let is_extension =
        rest.is_empty() || rest[0] == b';' && rest.iter().all(|b| (0x20..0x7f).contains(b) || *b == b'\t');
    if !is_extension {
        return Err(Broken("the size of a chunk is no number"));
    }
    let value = |digit: &u8| u64::from(char::from(*digit).to_digit(16).unwrap_or_default());
    Ok(digits.iter().fold(0, |number, digit| number * 16 + value(digit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes bytes that come in pieces of this size.
    fn decode(framing: Framing, bytes: &[u8], step: usize) -> Result<(Vec<u8>, usize), Broken> {
        let (mut decoder, mut content, mut at, mut end) = (Decoder::new(framing), Vec::new(), 0, 0);
        loop {
            match decoder.next(&bytes[at..end])? {
                Piece::Skip(count) => at += count,
                Piece::Content(count) => {
                    content.extend_from_slice(&bytes[at..at + count]);
                    at += count;
                }
                Piece::End => return Ok((content, at)),
                Piece::More if end == bytes.len() => return Err(Broken("it is not whole")),
                Piece::More => end = (end + step).min(bytes.len()),
            }
        }
    }

    #[test]
    fn bodies_end_where_they_say_however_they_come() {
        for step in 1..40 {
            let (content, used) = decode(Framing::Length(5), b"helloGET", step).unwrap();
            assert_eq!((&content[..], used), (&b"hello"[..], 5));
            let text = b"5\r\nhello\r\nA;name=\"v\"\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nGET";
            let (content, used) = decode(Framing::Chunked, text, step).unwrap();
            assert_eq!((&content[..], used), (&b"hello0123456789"[..], text.len() - 3));
        }
    }

    #[test]
    fn chunks_with_two_meanings_are_broken() {
        for text in [
            &b"5\nhello\r\n0\r\n\r\n"[..],
            b"5\r\nhelloX\r\n0\r\n\r\n",
            b"5\r\nhello0\r\n\r\n",
            b"+5\r\nhello\r\n0\r\n\r\n",
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b" 5\r\nhello\r\n0\r\n\r\n",
            b"5 \r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\r\n\r\n",
            b"fffffffffffffffff\r\nhello",
            b"5;a\rb\r\nhello\r\n0\r\n\r\n",
            b"5;a\nb\r\nhello\r\n0\r\n\r\n",
            b"\r\n5\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\r\n0\r\nX: y\n\r\n",
            b"5\r\nhel",
        ] {
            for step in [1, 3, 100] {
                assert!(decode(Framing::Chunked, text, step).is_err(), "{:?}", String::from_utf8_lossy(text));
            }
        }
        let endless = [b'1'; 400];
        assert!(decode(Framing::Chunked, &endless, 7).is_err());
    }
}
