//! Which answers are the same: those to requests that an application cannot tell apart.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::ablation::{Protection, removed};
use crate::decide::Read;
use crate::h1::head::Head;
use crate::settings::RouteCache;

/// What browsers send with everything, and caches: an application whose answer depends on one of them says so in `Vary`.
const UNKEYED: &[&str] = &[
    "cache-control",
    "connection",
    "content-length",
    "dnt",
    "host",
    "if-modified-since",
    "if-none-match",
    "pragma",
    "priority",
    "referer",
    "save-data",
    "te",
    "traceparent",
    "tracestate",
    "upgrade-insecure-requests",
    "user-agent",
    "x-request-id",
];

/// What says who sends a request.
const CREDENTIALS: &[&str] = &["authorization", "cookie", "x-api-key"];

/// Parts, each with its length in front.
struct Parts(Sha256);

impl Parts {
    fn new(of: &str) -> Self {
        let mut parts = Self(Sha256::new());
        parts.add(of.as_bytes());
        parts
    }

    fn add(&mut self, part: &[u8]) {
        // a head is far below 4 GiB
        self.0.update((part.len() as u32).to_be_bytes());
        self.0.update(part);
    }

    fn place(self) -> u8 {
        self.0.finalize()[0]
    }

    fn text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.finalize())
    }
}

/// All answers of a path, whoever asked and however: what a write forgets, with what shares its place. There are 256 of
/// them, since each is remembered in Redis for as long as it may be forgotten, and paths are a client's to invent.
pub(super) fn kind(path: &str) -> String {
    let mut parts = Parts::new("path");
    parts.add(path.as_bytes());
    format!("answer:{:02x}", parts.place())
}

/// One answer.
pub(super) fn id(head: &Head<'_>, read: &Read<'_>, route: &RouteCache, proven: bool) -> String {
    let mut parts = Parts::new("answer");
    let (host, port) = read.host();
    for part in [host, port, if read.is_tls() { "https" } else { "http" }, if proven { "proven" } else { "" }] {
        parts.add(part.as_bytes());
    }
    parts.add(read.path().as_bytes());
    // no query is another than an empty one
    parts.add(read.query().map_or(String::new(), |query| format!("?{query}")).as_bytes());
    for (at, header) in head.headers.iter().enumerate() {
        let name = header.name.to_ascii_lowercase();
        let counts = if CREDENTIALS.contains(&name.as_str()) {
            !route.whole_tenant && !removed(Protection::KeptCredential)
        } else {
            let is_noise = UNKEYED.contains(&name.as_str()) || name.starts_with("sec-");
            read.seen.keeps(at) && !is_noise && !removed(Protection::KeptHeaders)
        };
        if counts {
            parts.add(name.as_bytes());
            parts.add(header.value);
        }
    }
    parts.text()
}

/// The same, for an answer that depends on these headers.
pub(super) fn varied(first: &str, names: &[String], head: &Head<'_>) -> String {
    let mut parts = Parts::new("varied");
    parts.add(first.as_bytes());
    for name in names {
        parts.add(name.as_bytes());
        let values = head.headers.iter().filter(|h| h.name.eq_ignore_ascii_case(name));
        // none is another than an empty one
        parts.add(values.clone().count().to_string().as_bytes());
        values.for_each(|header| parts.add(header.value));
    }
    parts.text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h1::head::Version;

    #[test]
    fn what_an_answer_depends_on_makes_another_one() {
        let names = ["accept-language".to_owned()];
        let of = |first: &str, value: Option<&str>| {
            let headers: Vec<_> =
                value.map(|v| httparse::Header { name: "Accept-Language", value: v.as_bytes() }).into_iter().collect();
            let head = Head { method: "GET", target: "/", version: Version::Http11, headers: &headers };
            varied(first, &names, &head)
        };
        let ids = [None, Some(""), Some("de"), Some("en")].map(|value| of("x", value));
        for (at, id) in ids.iter().enumerate() {
            assert!(!ids[..at].contains(id));
        }
        assert_ne!(of("x", None), of("y", None));
        let kinds: std::collections::BTreeSet<_> = (0..10_000).map(|n| kind(&format!("/{n}"))).collect();
        assert_eq!(kinds.len(), 256, "however many paths a client invents");
    }
}
