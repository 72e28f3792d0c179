//! What the headers of a request say that decides anything, read in one pass; and which of them are not passed on.

use httparse::Header;

use crate::ablation::{Protection, removed};
use crate::h1::head::{Ends, HEADERS_MAX};
use crate::refusal::Refusal;

/// Longest name of a header that means something here.
const NAME_MAX: usize = 40;

/// Headers that only the gateway sets, and headers about one connection. A client's are taken away.
const RESERVED: &[&str] = &[
    "client-ip",
    "cluster-client-ip",
    "fastly-client-ip",
    "forwarded",
    "http2-settings",
    "keep-alive",
    "proxy",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "true-client-ip",
    "upgrade",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-impersonate",
    "x-method-override",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
    "x-tenant",
    "x-tenant-id",
    "x-tenant-slug",
    "x-workspace-id",
];

/// Beginnings of names that only the gateway sets.
const RESERVED_BEGINNINGS: &[&str] = &["x-forwarded-", "x-tenantry"];

/// What was seen.
#[derive(Default)]
pub(crate) struct Seen<'a> {
    /// One bit for each header that is not passed on.
    pub(crate) dropped: u128,
    pub(crate) host: Option<&'a [u8]>,
    pub(crate) ends: Ends,
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
    pub(crate) websocket: bool,
    pub(crate) expects_continue: bool,
    pub(crate) authorization: Option<(usize, &'a [u8])>,
    pub(crate) api_key: Option<(usize, &'a [u8])>,
    /// Values of headers that name a tenant.
    pub(crate) named: Vec<&'a str>,
    pub(crate) origin: Option<&'a str>,
    pub(crate) asks_method: Option<&'a str>,
    pub(crate) forwarded_for: Option<&'a str>,
    pub(crate) forwarded_proto: Option<&'a str>,
    pub(crate) request_id: Option<&'a str>,
    pub(crate) traceparent: Option<(usize, &'a str)>,
    pub(crate) content_type: Option<&'a str>,
}

impl<'a> Seen<'a> {
    /// Reads all headers.
    pub(crate) fn read(headers: &[Header<'a>], tenant_headers: &[String]) -> Result<Self, Refusal> {
        debug_assert!(headers.len() <= HEADERS_MAX, "one bit each");
        let mut seen = Self::default();
        let mut named_by = 0_u64;
        let mut connection: Vec<&'a [u8]> = Vec::new();
        let mut lower = [0; NAME_MAX];
        for (at, header) in headers.iter().enumerate() {
            let Some(name) = lower_case(header.name, &mut lower) else {
                // longer than any that means something, but not than any that is ours
                let begins = header.name.get(..NAME_MAX).and_then(|begin| lower_case(begin, &mut lower));
                if header.name.contains('_') || begins.is_none_or(is_reserved) {
                    seen.drop_reserved(at);
                }
                continue;
            };
            if name.contains('_') {
                // applications that read headers as variables cannot tell it from the one with `-`
                if !removed(Protection::Reserved) {
                    seen.drop(at);
                }
                continue;
            }
            if let Some(which) = tenant_headers.iter().position(|n| n == name) {
                let bit = 1 << (which % 64);
                if named_by & bit != 0 {
                    return Err(Refusal::TenantConflict);
                }
                named_by |= bit;
                seen.named.push(text(header.value)?);
                seen.drop_reserved(at);
                continue;
            }
            match name {
                "host" => {
                    if seen.host.replace(header.value).is_some() && !removed(Protection::HostForm) {
                        return Err(Refusal::Host("it is given twice"));
                    }
                    seen.drop(at);
                }
                "content-length" => {
                    seen.ends.content_length(header.value);
                    seen.drop(at);
                }
                "transfer-encoding" => {
                    seen.ends.transfer_encoding(header.value);
                    if !removed(Protection::Framing) {
                        seen.drop(at);
                    }
                }
                "connection" => {
                    connection.extend(tokens(header.value));
                    seen.drop(at);
                }
                "upgrade" => {
                    seen.websocket |= header.value.eq_ignore_ascii_case(b"websocket");
                    seen.drop(at);
                }
                "expect" => {
                    if !header.value.eq_ignore_ascii_case(b"100-continue") {
                        return Err(Refusal::Expectation);
                    }
                    seen.expects_continue = true;
                    seen.drop(at);
                }
                "authorization" => once(&mut seen.authorization, (at, header.value))?,
                "x-api-key" => once(&mut seen.api_key, (at, header.value))?,
                "origin" => once(&mut seen.origin, text(header.value)?)?,
                "access-control-request-method" => seen.asks_method = Some(text(header.value)?),
                "content-type" => once(&mut seen.content_type, text(header.value)?)?,
                "traceparent" => once(&mut seen.traceparent, (at, text(header.value)?))?,
                "x-request-id" => {
                    seen.request_id = Some(text(header.value)?);
                    seen.drop(at);
                }
                "x-forwarded-for" => {
                    // several would have to be joined; whoever sends them is not one of ours
                    once(&mut seen.forwarded_for, text(header.value)?)?;
                    seen.drop(at);
                }
                "x-forwarded-proto" => {
                    seen.forwarded_proto = Some(text(header.value)?);
                    seen.drop(at);
                }
                name if is_reserved(name) => seen.drop_reserved(at),
                _ => {}
            }
        }
        seen.follow_connection(headers, &connection);
        Ok(seen)
    }

    /// Whether a header is passed on.
    pub(crate) fn keeps(&self, at: usize) -> bool {
        self.dropped & (1 << at) == 0
    }

    /// Takes a header away.
    pub(crate) fn drop(&mut self, at: usize) {
        self.dropped |= 1 << at;
    }

    fn drop_reserved(&mut self, at: usize) {
        if !removed(Protection::Reserved) {
            self.drop(at);
        }
    }

    /// Takes away what belongs to this connection only.
    fn follow_connection(&mut self, headers: &[Header<'a>], names: &[&'a [u8]]) {
        for name in names {
            match *name {
                n if n.eq_ignore_ascii_case(b"close") => self.close = true,
                n if n.eq_ignore_ascii_case(b"keep-alive") => self.keep_alive = true,
                n if n.eq_ignore_ascii_case(b"upgrade") => self.upgrade = true,
                n => {
                    let named = headers.iter().enumerate().filter(|(_, h)| h.name.as_bytes().eq_ignore_ascii_case(n));
                    let bits = named.fold(0, |bits, (at, _)| bits | 1_u128 << at);
                    self.dropped |= bits;
                }
            }
        }
    }
}

/// Whether only the gateway may set it.
pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED.binary_search(&name).is_ok() || RESERVED_BEGINNINGS.iter().any(|b| name.starts_with(b))
}

/// The name in lower case; `None` if it is longer than any that matters.
pub(crate) fn lower_case<'b>(name: &str, room: &'b mut [u8; NAME_MAX]) -> Option<&'b str> {
    let into = room.get_mut(..name.len())?;
    for (to, from) in into.iter_mut().zip(name.bytes()) {
        *to = from.to_ascii_lowercase();
    }
    std::str::from_utf8(into).ok()
}

/// The members of a list.
pub(crate) fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|t| !t.is_empty())
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Refusal> {
    match place.replace(value) {
        Some(_) => Err(Refusal::BadRequest("a header that counts once is there twice")),
        None => Ok(()),
    }
}

fn text(value: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(value)
        .ok()
        .filter(|t| t.is_ascii())
        .ok_or(Refusal::BadRequest("a header holds more than ASCII"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers<'a>(list: &[(&'a str, &'a str)]) -> Vec<Header<'a>> {
        list.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect()
    }

    fn passed<'a>(list: &[(&'a str, &'a str)]) -> Vec<&'a str> {
        let headers = headers(list);
        let seen = Seen::read(&headers, &["x-tenant-id".into()]).unwrap();
        headers.iter().enumerate().filter(|(at, _)| seen.keeps(*at)).map(|(_, h)| h.name).collect()
    }

    #[test]
    fn the_list_is_sorted() {
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn no_spelling_of_a_reserved_header_gets_through() {
        for name in [
            "X-Tenant-ID",
            "x-tenant-id",
            "X_TENANT_ID",
            "x_tenant-id",
            "X-Tenantry-Context",
            "X-TENANTRY-anything",
            "X-Workspace-Id",
            "X-Tenant",
            "Forwarded",
            "X-Forwarded-Host",
            "X-Forwarded_Host",
            "X-Original-URL",
            "X-HTTP-Method-Override",
            "Proxy",
            "any_name_with_an_underscore_that_is_longer_than_all",
            "X-Tenantry-and-more-than-forty-bytes-in-one-name",
            "X-Forwarded-and-more-than-forty-bytes-in-one-name",
        ] {
            assert_eq!(passed(&[(name, "x"), ("Accept", "y")]), ["Accept"], "{name}");
        }
    }

    #[test]
    fn what_belongs_to_the_connection_ends_with_it() {
        let list = [
            ("Connection", "close, X-Own , Accept"),
            ("x-own", "1"),
            ("Accept", "*"),
            ("Cookie", "c"),
            ("TE", "trailers"),
        ];
        assert_eq!(passed(&list), ["Cookie"]);
    }

    #[test]
    fn what_counts_once_is_there_once() {
        for list in [
            [("Host", "a"), ("Host", "a")],
            [("X-Tenant-ID", "a"), ("x-tenant-id", "a")],
            [("Authorization", "a"), ("Authorization", "b")],
            [("X-Api-Key", "a"), ("X-Api-Key", "b")],
        ] {
            assert!(Seen::read(&headers(&list), &["x-tenant-id".into()]).is_err(), "{list:?}");
        }
    }
}
