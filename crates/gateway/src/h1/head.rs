//! The head of a request: where it ends, and that it has one meaning.
//!
//! `httparse` finds the parts. Before it, every line end is looked at (CR LF and nothing else); after it, whatever
//! decides where the request ends is read once and for all. A head that fails here is answered with 400 and the
//! connection is closed: nobody knows where the next request would begin.

use std::mem::MaybeUninit;

use httparse::Header;

use crate::ablation::{Protection, removed};
use crate::refusal::Refusal;

/// Most headers that can be allowed.
pub(crate) const HEADERS_MAX: usize = 128;

/// The version of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    Http10,
    Http11,
    Http2,
}

/// A request's head.
pub(crate) struct Head<'a> {
    pub(crate) method: &'a str,
    /// Path and query, as the client wrote them.
    pub(crate) target: &'a str,
    pub(crate) version: Version,
    pub(crate) headers: &'a [Header<'a>],
}

/// Room for the headers of one head.
pub(crate) type Room<'a> = [MaybeUninit<Header<'a>>; HEADERS_MAX];

/// Room that is not filled yet.
pub(crate) fn room<'a>() -> Room<'a> {
    [const { MaybeUninit::uninit() }; HEADERS_MAX]
}

/// Where the head ends; `None` if it has not come to its end.
pub(crate) fn end_of_head(bytes: &[u8]) -> Option<usize> {
    if removed(Protection::LineEnds)
        && let Some(at) = memchr::memmem::find(bytes, b"\n\n")
    {
        return Some(at + 2);
    }
    memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

/// Reads a head that is there as a whole.
pub(crate) fn parse<'a>(bytes: &'a [u8], headers_max: usize, room: &'a mut Room<'a>) -> Result<Head<'a>, Refusal> {
    if !removed(Protection::LineEnds) {
        line_ends(bytes)?;
    }
    let mut request = httparse::Request::new(&mut []);
    let most = headers_max.min(HEADERS_MAX);
    match request.parse_with_uninit_headers(bytes, &mut room[..most]) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(Refusal::BadRequest("the head is not complete")),
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::HeadersTooLarge),
        Err(_) => return Err(Refusal::BadRequest("the head is not one of HTTP/1.1")),
    }
    let version = if request.version == Some(0) { Version::Http10 } else { Version::Http11 };
    let (Some(method), Some(target)) = (request.method, request.path) else {
        return Err(Refusal::BadRequest("the head is not complete"));
    };
    Ok(Head { method, target, version, headers: request.headers })
}

/// CR and LF stand together or not at all, and no line begins with a blank.
fn line_ends(bytes: &[u8]) -> Result<(), Refusal> {
    const BAD: Refusal = Refusal::BadRequest("a line ends with something else than CR LF");
    if bytes.first() == Some(&b'\r') || bytes.first() == Some(&b'\n') {
        return Err(BAD);
    }
    let mut from = 0;
    for at in memchr::memchr2_iter(b'\r', b'\n', bytes) {
        if at < from {
            continue;
        }
        if bytes[at] == b'\n' || bytes.get(at + 1) != Some(&b'\n') {
            return Err(BAD);
        }
        if matches!(bytes.get(at + 2), Some(b' ' | b'\t')) {
            return Err(Refusal::BadRequest("a header goes on in a second line"));
        }
        from = at + 2;
    }
    Ok(())
}

/// How the body of a message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    None,
    /// After so many bytes.
    Length(u64),
    /// After the last chunk.
    Chunked,
}

/// Decides where the body ends, from all that say so.
#[derive(Default)]
pub(crate) struct Ends {
    length: Option<u64>,
    chunked: bool,
    bad: bool,
}

impl Ends {
    /// Takes a `Content-Length` in.
    pub(crate) fn content_length(&mut self, value: &[u8]) {
        match digits(value) {
            // even the same number twice: another reader may take the list for something else
            Some(_) if self.length.is_some() => self.bad = true,
            Some(length) => self.length = Some(length),
            None => self.bad = true,
        }
    }

    /// Takes a `Transfer-Encoding` in.
    pub(crate) fn transfer_encoding(&mut self, value: &[u8]) {
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            self.bad = true;
        }
        self.chunked = true;
    }

    /// The verdict.
    pub(crate) fn framing(&self, version: Version) -> Result<Framing, Refusal> {
        if removed(Protection::Framing) {
            return Ok(self
                .length
                .map_or(if self.chunked { Framing::Chunked } else { Framing::None }, Framing::Length));
        }
        match (self.length, self.chunked) {
            _ if self.bad => Err(Refusal::BadRequest("the end of the body is not told clearly")),
            (Some(_), true) => Err(Refusal::BadRequest("the end of the body is told in two ways")),
            (None, true) if version == Version::Http10 => Err(Refusal::BadRequest("HTTP/1.0 has no chunks")),
            (None, true) => Ok(Framing::Chunked),
            (Some(0), false) => Ok(Framing::Length(0)),
            (Some(length), false) => Ok(Framing::Length(length)),
            (None, false) => Ok(Framing::None),
        }
    }
}

/// A number of digits only: no sign, no blanks, no list.
pub(crate) fn digits(value: &[u8]) -> Option<u64> {
    const DIGITS_MAX: usize = 18;
    if value.is_empty() || value.len() > DIGITS_MAX || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(value.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, usize), Refusal> {
        let mut room = room();
        parse(text.as_bytes(), 100, &mut room).map(|h| (format!("{} {}", h.method, h.target), h.headers.len()))
    }

    #[test]
    fn a_plain_head() {
        let text = "GET /a?b=c HTTP/1.1\r\nHost: x\r\nA:  b \r\n\r\n";
        assert_eq!(end_of_head(text.as_bytes()), Some(text.len()));
        assert_eq!(end_of_head(&text.as_bytes()[..text.len() - 1]), None);
        assert_eq!(read(text).unwrap(), ("GET /a?b=c".into(), 2));
    }

    #[test]
    fn what_has_two_meanings_is_refused() {
        for text in [
            "GET / HTTP/1.1\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\n\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\tfolded: y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
            "GET / HTTP/1.1\r\n: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHo st: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
            "GET / http/1.1\r\nHost: x\r\n\r\n",
            "G\u{e9}T / HTTP/1.1\r\nHost: x\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /\r\n\r\n",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_end_of_a_body_is_told_once() {
        let ends = |lengths: &[&str], codings: &[&str], version| {
            let mut ends = Ends::default();
            lengths.iter().for_each(|l| ends.content_length(l.as_bytes()));
            codings.iter().for_each(|c| ends.transfer_encoding(c.as_bytes()));
            ends.framing(version).ok()
        };
        use Version::{Http10, Http11};
        assert_eq!(ends(&[], &[], Http11), Some(Framing::None));
        assert_eq!(ends(&["5"], &[], Http11), Some(Framing::Length(5)));
        assert_eq!(ends(&[], &["Chunked"], Http11), Some(Framing::Chunked));
        for (lengths, codings) in [
            (&["5"][..], &["chunked"][..]),
            (&["5", "5"], &[]),
            (&["5", "6"], &[]),
            (&["5, 5"], &[]),
            (&["+5"], &[]),
            (&["-1"], &[]),
            (&["0x5"], &[]),
            (&["5 "], &[]),
            (&[""], &[]),
            (&["99999999999999999999"], &[]),
            (&[], &["chunked", "chunked"]),
            (&[], &["chunked, chunked"]),
            (&[], &["gzip, chunked"]),
            (&[], &["identity"]),
            (&[], &["xchunked"]),
            (&[], &["chunked "]),
            (&[], &["\x0bchunked"]),
            (&[], &[""]),
        ] {
            assert_eq!(ends(lengths, codings, Http11), None, "{lengths:?} {codings:?}");
        }
        assert_eq!(ends(&[], &["chunked"], Http10), None);
    }
}
