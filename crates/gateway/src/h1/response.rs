//! The head of the application's answer, and the one the client gets.

use httparse::Header;

use super::body::Decoder;
use super::head::{Ends, Framing, Room, Version, end_of_head};
use crate::ablation::{Protection, removed};
use crate::decide::seen::{lower_case, tokens};
use crate::digits::decimal;
use crate::protect::security::{Present, is_inside};
use crate::refusal::Refusal;

/// Largest head of an answer.
pub(crate) const HEAD_BYTES_MAX: usize = 128 * 1024;

/// What an application answers.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) headers: &'a [Header<'a>],
    pub(crate) body: Decoder,
    /// Its length, where that is told.
    pub(crate) length: Option<u64>,
    /// The connection may carry another request.
    pub(crate) keeps_alive: bool,
    dropped: u128,
    present: Present,
    length_to_head: Option<u64>,
}

/// Reads a head that is there as a whole.
pub(crate) fn parse<'a>(bytes: &'a [u8], room: &'a mut Room<'a>, head_only: bool) -> Result<Answer<'a>, Refusal> {
    const BAD: Refusal = Refusal::UpstreamBroken;
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut response, bytes, room);
    if !matches!(parsed, Ok(httparse::Status::Complete(_))) {
        return Err(BAD);
    }
    let (Some(status), Some(minor)) = (response.code, response.version) else { return Err(BAD) };
    let headers: &'a [Header<'a>] = response.headers;
    let (mut dropped, mut present, mut ends) = (0_u128, Present::default(), Ends::default());
    let (mut close, mut keep, mut connection) = (false, false, Vec::new());
    let (mut has_length, mut lower) = (false, [0; 40]);
    for (at, header) in headers.iter().enumerate() {
        let Some(name) = lower_case(header.name, &mut lower) else { continue };
        let goes = match name {
            "content-length" => {
                has_length = true;
                ends.content_length(header.value);
                true
            }
            "transfer-encoding" => {
                ends.transfer_encoding(header.value);
                true
            }
            "connection" => {
                for token in tokens(header.value) {
                    match token {
                        t if t.eq_ignore_ascii_case(b"close") => close = true,
                        t if t.eq_ignore_ascii_case(b"keep-alive") => keep = true,
                        t if t.eq_ignore_ascii_case(b"upgrade") => {}
                        t => connection.push(t),
                    }
                }
                true
            }
            "keep-alive" | "proxy-connection" | "upgrade" | "trailer" => true,
            name => {
                present.see(name);
                is_inside(name) && !removed(Protection::Insides)
            }
        };
        dropped |= u128::from(goes) << at;
    }
    for (at, header) in headers.iter().enumerate() {
        let named = connection.iter().any(|c| c.eq_ignore_ascii_case(header.name.as_bytes()));
        dropped |= u128::from(named) << at;
    }
    let version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    let framing = ends.framing(version).map_err(|_| BAD)?;
    let length_to_head = if head_only && let Framing::Length(n) = framing { Some(n) } else { None };
    let has_none = head_only || status == 204 || status == 304 || status < 200;
    let body = match framing {
        _ if has_none => Decoder::End,
        // without any of the two it ends with the connection
        Framing::None if !has_length => Decoder::Close,
        framing => Decoder::new(framing),
    };
    let ends_with_connection = matches!(body, Decoder::Close);
    let keeps_alive = !ends_with_connection && !close && (version == Version::Http11 || keep);
    let length = match framing {
        Framing::Length(length) if !has_none => Some(length),
        _ => None,
    };
    Ok(Answer { status, headers, body, length, keeps_alive, dropped, present, length_to_head })
}

impl Answer<'_> {
    /// The headers that are passed on.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &Header<'_>> {
        self.headers.iter().enumerate().filter(|(at, _)| self.dropped & (1 << at) == 0).map(|(_, header)| header)
    }

    /// Headers for browsers that the application has not set.
    pub(crate) fn missing(&self, is_tls: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.present.missing(is_tls)
    }

    /// Writes the head as HTTP/1.1 has it. How the body ends, and what becomes of the connection, is the caller's.
    pub(crate) fn write(&self, out: &mut Vec<u8>, lines: &str, security_headers: bool, is_tls: bool) {
        out.extend_from_slice(b"HTTP/1.1 ");
        decimal(self.status.into(), out);
        out.push(b' ');
        out.extend_from_slice(crate::reply::reason(self.status).as_bytes());
        out.extend_from_slice(b"\r\n");
        for header in self.kept() {
            out.extend_from_slice(header.name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(header.value);
            out.extend_from_slice(b"\r\n");
        }
        if security_headers && self.status >= 200 {
            for (name, value) in self.missing(is_tls) {
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b": ");
                out.extend_from_slice(value.as_bytes());
                out.extend_from_slice(b"\r\n");
            }
        }
        out.extend_from_slice(lines.as_bytes());
        if let Some(length) = self.length_to_head {
            out.extend_from_slice(b"Content-Length: ");
            decimal(length, out);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Where the head of an answer ends, and what its status is, as far as it is there.
pub(crate) fn status_of(bytes: &[u8]) -> Result<Option<(usize, u16)>, Refusal> {
    let Some(end) = end_of_head(bytes) else {
        return if bytes.len() >= HEAD_BYTES_MAX { Err(Refusal::UpstreamBroken) } else { Ok(None) };
    };
    let digits = bytes.get(9..12).and_then(|d| std::str::from_utf8(d).ok()).and_then(|d| d.parse().ok());
    digits.map(|status| Some((end, status))).ok_or(Refusal::UpstreamBroken)
}

#[cfg(test)]
mod tests {
    use super::super::head::room;
    use super::*;

    fn read(text: &str, head_only: bool) -> Result<(u16, String, bool), Refusal> {
        let mut room = room();
        let answer = parse(text.as_bytes(), &mut room, head_only)?;
        Ok((answer.status, format!("{:?}", answer.body), answer.keeps_alive))
    }

    #[test]
    fn where_an_answer_ends() {
        for (text, body, keeps) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "Length(5)", true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "End", true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "ChunkLine", true),
            ("HTTP/1.1 200 OK\r\n\r\n", "Close", false),
            ("HTTP/1.1 204 No Content\r\n\r\n", "End", true),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "End", true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", "Length(5)", false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", "Length(5)", false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", "Length(5)", true),
        ] {
            let read = read(text, false).unwrap();
            assert_eq!((read.1.as_str(), read.2), (body, keeps), "{text}");
        }
        assert_eq!(read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true).unwrap().1, "End");
        for bad in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
            "rubbish\r\n\r\n",
        ] {
            assert!(read(bad, false).is_err(), "{bad}");
        }
    }

    #[test]
    fn insides_stay_inside() {
        let text = "HTTP/1.1 200 OK\r\nServer: x/1.2\r\nX-Powered-By: y\r\nX-Tenant-ID: bolt\r\nETag: z\r\nConnection: X-Own\r\nX-Own: 1\r\nContent-Length: 0\r\n\r\n";
        let mut room = room();
        let answer = parse(text.as_bytes(), &mut room, false).unwrap();
        assert_eq!(answer.kept().map(|h| h.name).collect::<Vec<_>>(), ["ETag"]);
    }
}
