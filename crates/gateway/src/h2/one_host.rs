//! Authority and `Host` of a request: one of them, or both alike.

use httparse::Header;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;

use crate::h1::head::HEADERS_MAX;
use crate::refusal::Refusal;

/// The headers, with the authority as the one `Host`.
pub(super) fn one_host(parts: &Parts) -> Result<Vec<Header<'_>>, Refusal> {
    if parts.headers.len() >= HEADERS_MAX {
        return Err(Refusal::HeadersTooLarge);
    }
    let authority = parts.uri.authority().map(|a| a.as_str().as_bytes());
    let host = parts.headers.get("host").map(HeaderValue::as_bytes);
    if let (Some(authority), Some(host)) = (authority, host)
        && !authority.eq_ignore_ascii_case(host)
    {
        return Err(Refusal::Misdirected);
    }
    let mut headers: Vec<Header<'_>> =
        parts.headers.iter().map(|(name, value)| Header { name: name.as_str(), value: value.as_bytes() }).collect();
    if let (Some(value), None) = (authority, host) {
        headers.push(Header { name: "host", value });
    }
    Ok(headers)
}
