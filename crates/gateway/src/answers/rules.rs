//! What may be kept, and what may be answered from it: RFC 9111 for a shared cache, on the side of less.

use std::time::Duration;

use httparse::Header;

use crate::ablation::{Protection, removed};
use crate::decide::seen::tokens;
use crate::h1::head::{Framing, Head};

/// Statuses whose answers may be kept.
const STATUSES: [u16; 6] = [200, 203, 301, 308, 404, 410];
/// Most headers that an answer may depend on.
const VARY_MAX: usize = 8;

/// What a request wants of what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// An answer; what the application says may be kept. `etags` are those the client has.
    Reads { etags: Option<String>, keeps: bool },
    /// Nothing: it goes to the application, and nothing is kept or forgotten.
    Passes,
    /// It changes what is there.
    Writes,
}

impl Wish {
    /// Whether the application's answer may be kept.
    pub(super) fn keeps(&self) -> bool {
        matches!(self, Self::Reads { keeps: true, .. })
    }

    pub(super) fn etags(&self) -> Option<&str> {
        if let Self::Reads { etags, .. } = self { etags.as_deref() } else { None }
    }
}

/// What a request wants.
pub(super) fn wish(head: &Head<'_>, framing: Framing, websocket: bool) -> Wish {
    match head.method {
        "GET" | "HEAD" => {}
        "OPTIONS" => return Wish::Passes,
        _ => return Wish::Writes,
    }
    // an application may read a body that no cache has looked at
    if websocket || framing != Framing::None && !removed(Protection::KeptBody) {
        return Wish::Passes;
    }
    let (mut etags, mut conditional, mut control, mut pragma) = (None, false, Vec::new(), false);
    for header in head.headers {
        match header.name.to_ascii_lowercase().as_str() {
            "range" | "if-range" | "if-match" | "if-unmodified-since" => return Wish::Passes,
            "if-none-match" => {
                conditional = true;
                etags = std::str::from_utf8(header.value).ok().map(str::to_owned);
            }
            "if-modified-since" => conditional = true,
            "cache-control" => control.push(header.value),
            "pragma" => pragma |= tokens(header.value).any(|t| t.eq_ignore_ascii_case(b"no-cache")),
            _ => {}
        }
    }
    let Some(control) = directives(&control) else { return Wish::Passes };
    let is_fresh = |name: &str, value: Option<&str>| {
        matches!(name, "no-store" | "no-cache") || name == "max-age" && value.is_none_or(|v| v == "0")
    };
    if control.iter().any(|(name, value)| is_fresh(name, value.as_deref())) || control.is_empty() && pragma {
        return Wish::Passes;
    }
    // what is asked under a condition, or without a body, is answered from what is kept, and is nothing to keep itself
    Wish::Reads { etags, keeps: head.method == "GET" && !conditional }
}

/// For how long an answer may be kept, and on which headers it depends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Keep {
    pub(super) ttl: Duration,
    /// How old it is already.
    pub(super) age: Duration,
    /// Names, lower case, sorted.
    pub(super) vary: Vec<String>,
}

/// Whether an answer may be kept. Whatever is not understood is not kept.
pub(super) fn keep(status: u16, headers: &[Header<'_>], has_authorization: bool, age_max: Duration) -> Option<Keep> {
    if !STATUSES.contains(&status) {
        return None;
    }
    let (mut control, mut vary, mut age) = (Vec::new(), Vec::new(), 0);
    for header in headers {
        match header.name.to_ascii_lowercase().as_str() {
            "set-cookie" if !removed(Protection::KeptCookies) => return None,
            "cache-control" => control.push(header.value),
            "age" => age = std::str::from_utf8(header.value).ok()?.trim().parse().ok()?,
            "vary" => {
                for name in tokens(header.value) {
                    let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
                    if name == "*" {
                        return None;
                    }
                    vary.push(name);
                }
            }
            "content-range" => return None,
            _ => {}
        }
    }
    vary.sort();
    vary.dedup();
    if vary.len() > VARY_MAX {
        return None;
    }
    if removed(Protection::KeptVary) {
        vary.clear();
    }
    let seconds = lifetime(&directives(&control)?, has_authorization)?;
    let left = Duration::from_secs(seconds.checked_sub(age).filter(|left| *left > 0)?);
    Some(Keep { ttl: left.min(age_max), age: Duration::from_secs(age), vary })
}

/// Seconds from when the application made it.
fn lifetime(control: &[(String, Option<String>)], has_authorization: bool) -> Option<u64> {
    if removed(Protection::KeptControl) {
        return Some(60);
    }
    let has = |wanted: &str| control.iter().any(|(name, _)| name == wanted);
    if has("no-store") || has("private") || has("no-cache") {
        return None;
    }
    let number = |wanted: &str| {
        let mut all = control.iter().filter(|(name, _)| name == wanted);
        match (all.next(), all.next()) {
            (None, _) => Some(None),
            (Some((_, value)), None) => Some(Some(value.as_deref()?.parse::<u64>().ok()?)),
            // two say two things
            _ => None,
        }
    };
    let (shared, any) = (number("s-maxage")?, number("max-age")?);
    let allowed = has("public") || has("must-revalidate") || shared.is_some();
    if has_authorization && !allowed {
        return None;
    }
    shared.or(any)
}

/// `name` and `name=value`, in lower case; `None` if they cannot be read.
fn directives(values: &[&[u8]]) -> Option<Vec<(String, Option<String>)>> {
    let mut all = Vec::new();
    for value in values {
        let text = std::str::from_utf8(value).ok()?;
        let mut quoted = false;
        let pieces = text.split(|c| {
            quoted ^= c == '"';
            c == ',' && !quoted
        });
        for piece in pieces {
            let piece = piece.trim();
            if piece.is_empty() {
                continue;
            }
            let (name, value) = match piece.split_once('=') {
                Some((name, value)) => (name, Some(value.trim_matches('"').to_owned())),
                None => (piece, None),
            };
            if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
                return None;
            }
            all.push((name.to_ascii_lowercase(), value));
        }
        if text.bytes().filter(|b| *b == b'"').count() % 2 == 1 {
            return None;
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(status: u16, lines: &[(&str, &str)], authorized: bool) -> Option<(u64, Vec<String>)> {
        let headers: Vec<Header<'_>> =
            lines.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
        keep(status, &headers, authorized, Duration::from_secs(1000)).map(|k| (k.ttl.as_secs(), k.vary))
    }

    #[test]
    fn what_may_be_kept_and_for_how_long() {
        let control = |text| kept(200, &[("Cache-Control", text)], false).map(|k| k.0);
        assert_eq!(control("max-age=60"), Some(60));
        assert_eq!(control("Public , MAX-AGE=60"), Some(60));
        assert_eq!(control("max-age=60, s-maxage=\"70\""), Some(70));
        assert_eq!(control("max-age=5000"), Some(1000), "the route's most");
        for none in [
            "",
            "public",
            "max-age=0",
            "max-age=-1",
            "max-age=1.5",
            "max-age",
            "max-age=60, max-age=70",
            "max-age=60, no-store",
            "max-age=60, private",
            "max-age=60, private=\"x, y\"",
            "max-age=60, no-cache=\"set-cookie\"",
            "max-age=60, NO-CACHE",
            "s-maxage=0, max-age=60",
            "max-age=60, x=\"",
            "max-age=99999999999999999999",
        ] {
            assert_eq!(control(none), None, "{none}");
        }
        let two = [("Cache-Control", "max-age=60"), ("cache-control", "no-store")];
        assert_eq!(kept(200, &two, false), None);
        for status in [201, 204, 206, 302, 304, 401, 403, 500, 503] {
            assert_eq!(kept(status, &two[..1], false), None, "{status}");
        }
        for line in [("Set-Cookie", "a=b"), ("Vary", "*"), ("Age", "60"), ("Age", "x"), ("Content-Range", "x")] {
            assert_eq!(kept(200, &[two[0], line], false), None, "{line:?}");
        }
        let (ttl, vary) = kept(404, &[two[0], ("Age", "20"), ("Vary", "B, a"), ("Vary", "b")], false).unwrap();
        assert_eq!((ttl, vary), (40, vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(
            kept(200, &two[..1], true),
            None,
            "an answer to a credential, of which nobody says that it is public"
        );
        for allowed in ["max-age=60, public", "max-age=60, must-revalidate", "s-maxage=60"] {
            assert_eq!(kept(200, &[("Cache-Control", allowed)], true).map(|k| k.0), Some(60), "{allowed}");
        }
    }
}
