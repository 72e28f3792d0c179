//! Paths: that each has one reading, and which route it takes.

use std::borrow::Cow;
use std::sync::Arc;

use crate::ablation::{Protection, removed};
use crate::refusal::Refusal;
use crate::settings::RouteSettings;

/// The path of a request in its one reading, and the query as it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    pub(crate) path: Cow<'a, str>,
    pub(crate) query: Option<&'a str>,
}

/// Reads the target of a request: `/path?query`, in ASCII.
pub(crate) fn target(text: &str) -> Result<Target<'_>, Refusal> {
    if !text.starts_with('/') {
        return Err(Refusal::Path("it does not begin with /"));
    }
    let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
    if !text.is_ascii() {
        return Err(Refusal::Path("it holds more than ASCII"));
    }
    if removed(Protection::Path) {
        return Ok(Target { path: Cow::Borrowed(path), query });
    }
    // most paths hold nothing that could be read in two ways
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'~');
    let mut before = b'a';
    let is_plain = path.bytes().all(|b| {
        let fits = plain(b) || b == b'/' && before != b'/' || b == b'.' && plain(before);
        before = b;
        fits
    });
    let path = if is_plain { Cow::Borrowed(path) } else { one_reading(path)? };
    if text.as_bytes()[path_len(text)..].iter().any(|b| matches!(b, b'#' | b'\\' | b'"' | b'<' | b'>' | b'`' | 0x7f)) {
        return Err(Refusal::Path("its query holds a character that has no place there"));
    }
    Ok(Target { path, query })
}

fn path_len(text: &str) -> usize {
    text.find('?').unwrap_or(text.len())
}

/// What may stand in a path as it is (RFC 3986, pchar and `/`).
fn is_path_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&b)
}

/// The path with whatever need not be encoded decoded; refused where readers differ.
fn one_reading(path: &str) -> Result<Cow<'_, str>, Refusal> {
    let bytes = path.as_bytes();
    let mut out = String::with_capacity(path.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                let digit = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
                let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2)) else {
                    return Err(Refusal::Path("a % is not followed by two hexadecimal digits"));
                };
                let byte = u8::try_from(high * 16 + low).unwrap_or(0);
                match byte {
                    b'/' | b'\\' => return Err(Refusal::Path("it holds an encoded separator")),
                    0..0x20 | 0x7f => return Err(Refusal::Path("it holds an encoded control character")),
                    b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => out.push(char::from(b)),
                    b => out.push_str(&format!("%{b:02X}")),
                }
                at += 3;
            }
            b if is_path_byte(b) => {
                out.push(char::from(b));
                at += 1;
            }
            _ => return Err(Refusal::Path("it holds a character that has no place there")),
        }
    }
    for (number, segment) in out.split('/').skip(1).enumerate() {
        let name = segment.split(';').next().unwrap_or_default();
        if name == "." || name == ".." {
            return Err(Refusal::Path("it holds a dot segment"));
        }
        let last = number + 2 == out.split('/').count();
        if segment.is_empty() && !last {
            return Err(Refusal::Path("it holds an empty segment"));
        }
        if name.is_empty() && !segment.is_empty() {
            return Err(Refusal::Path("it holds a segment of parameters only"));
        }
    }
    Ok(if out == path { Cow::Borrowed(path) } else { Cow::Owned(out) })
}

/// The route of a path: the one with the longest beginning that is whole segments of it.
pub(crate) fn find<'a>(routes: &'a [Arc<RouteSettings>], path: &str) -> Option<&'a Arc<RouteSettings>> {
    // they are sorted by length, longest first
    routes.iter().find(|route| {
        let begin = route.path.trim_end_matches('/');
        path.strip_prefix(begin).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_one_reading() {
        for (text, wanted) in [
            ("/", "/"),
            ("/a/b.c/", "/a/b.c/"),
            ("/a.b..c/...", "/a.b..c/..."),
            ("/%61pi/%7Eme", "/api/~me"),
            ("/caf%c3%a9/%20", "/caf%C3%A9/%20"),
            ("/a;v=1/b:c@d", "/a;v=1/b:c@d"),
            ("/%252e", "/%252e"),
        ] {
            assert_eq!(target(text).unwrap().path, wanted, "{text}");
        }
        assert_eq!(target("/a?b=/../c").unwrap().query, Some("b=/../c"));
    }

    #[test]
    fn what_has_more_than_one_is_refused() {
        for text in [
            "*",
            "a",
            "http://h/a",
            "//",
            "//a",
            "/a//b",
            "/a/../b",
            "/a/./b",
            "/..",
            "/a/..",
            "/%2e%2e/a",
            "/.%2E/a",
            "/..%2fa",
            "/%5c",
            "/a\\b",
            "/%00",
            "/%0a",
            "/%",
            "/%2",
            "/%zz",
            "/..;/a",
            "/..;x=1/a",
            "/;x/a",
            "/a#b",
            "/é",
            "/a\"b",
            "/a<b>",
            "/a?b#c",
            "/a?b\\c",
            "/[a]",
            "/a|b",
        ] {
            assert!(target(text).is_err(), "{text}");
        }
    }

    #[test]
    fn whole_segments_and_the_longest_first() {
        let route = |path: &str| Arc::new(RouteSettings { path: path.into(), ..crate::route::tests::any() });
        let routes = [route("/api/admin"), route("/api"), route("/")];
        let found = |path| find(&routes, path).map(|r| r.path.as_str());
        assert_eq!(found("/api/admin/x"), Some("/api/admin"));
        assert_eq!(found("/api/admin"), Some("/api/admin"));
        assert_eq!(found("/api/administration"), Some("/api"));
        assert_eq!(found("/apix"), Some("/"));
        assert_eq!(find(&routes[..2], "/x").map(|r| &r.path), None);
    }

    pub(super) fn any() -> RouteSettings {
        RouteSettings {
            name: "r".into(),
            path: "/".into(),
            upstream: 0,
            tenant: Default::default(),
            authentication: Default::default(),
            trust_names: false,
            query_names: Vec::new(),
            body_names: Vec::new(),
            body_bytes_max: None,
            webhook: None,
            cors: None,
            cache: None,
        }
    }
}
