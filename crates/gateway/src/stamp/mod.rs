//! The head that the application receives: the client's without what it may not say, then the gateway's own.

pub(crate) mod context;

use httparse::Header;

use crate::decide::seen::Seen;
use crate::digits::decimal;
use crate::h1::head::Framing;

/// What is written.
pub(crate) struct Stamp<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) host: &'a str,
    pub(crate) port: &'a str,
    pub(crate) headers: &'a [Header<'a>],
    pub(crate) seen: &'a Seen<'a>,
    pub(crate) framing: Framing,
    pub(crate) websocket: bool,
    /// The address that the connection comes from.
    pub(crate) peer: &'a str,
    /// What a trusted proxy said before us.
    pub(crate) forwarded_for: Option<&'a str>,
    pub(crate) is_tls: bool,
    pub(crate) request_id: &'a str,
    pub(crate) traceparent: Option<&'a str>,
    /// Whole lines about the tenant.
    pub(crate) tenant: &'a [u8],
}

impl Stamp<'_> {
    /// Writes all but the signed context and the empty line.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put(out, &[self.method, " ", self.path]);
        if let Some(query) = self.query {
            put(out, &["?", query]);
        }
        put(out, &[" HTTP/1.1\r\nHost: ", self.host, self.port, "\r\n"]);
        for (at, header) in self.headers.iter().enumerate() {
            if self.seen.keeps(at) {
                out.extend_from_slice(header.name.as_bytes());
                out.extend_from_slice(b": ");
                out.extend_from_slice(header.value);
                out.extend_from_slice(b"\r\n");
            }
        }
        match self.framing {
            Framing::None => {}
            Framing::Length(length) => {
                out.extend_from_slice(b"Content-Length: ");
                decimal(length, out);
                out.extend_from_slice(b"\r\n");
            }
            Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        }
        if self.websocket {
            out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
        }
        let proto = if self.is_tls { "https" } else { "http" };
        out.extend_from_slice(b"X-Forwarded-For: ");
        if let Some(before) = self.forwarded_for {
            put(out, &[before, ", "]);
        }
        put(
            out,
            &[self.peer, "\r\nX-Forwarded-Proto: ", proto, "\r\nX-Forwarded-Host: ", self.host, self.port, "\r\n"],
        );
        let (open, end) = if self.peer.contains(':') { ("\"[", "]\"") } else { ("", "") };
        put(
            out,
            &["Forwarded: for=", open, self.peer, end, ";proto=", proto, ";host=\"", self.host, self.port, "\"\r\n"],
        );
        put(out, &["X-Request-ID: ", self.request_id, "\r\n"]);
        if let Some(traceparent) = self.traceparent {
            put(out, &["traceparent: ", traceparent, "\r\n"]);
        }
        out.extend_from_slice(self.tenant);
    }
}

fn put(out: &mut Vec<u8>, parts: &[&str]) {
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
}

/// A key as it stands in a header: whatever is not plain ASCII is percent-encoded, and so is `%`.
pub(crate) fn header_value(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            0x21..=0x7e if byte != b'%' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_breaks_out_of_its_header() {
        assert_eq!(header_value("acme-1"), "acme-1");
        assert_eq!(header_value("a\r\nX: y%é"), "a%0D%0AX:%20y%25%C3%A9");
    }
}
