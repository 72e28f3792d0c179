//! Whether a request comes from this machine, and from no page of somebody else's in its browser.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;

/// The connection is from the loopback, and so is every name in the request: a page that a browser here has open could
/// send requests to the loopback, but not under its name.
pub(crate) fn is_from_here(parts: &Parts) -> bool {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let named = |name| parts.headers.get_all(name).iter();
    peer.is_some_and(|p| p.0.ip().is_loopback())
        && parts.uri.authority().is_none_or(|a| is_loopback(a.host()))
        && named(HOST).all(|v| v.to_str().is_ok_and(|v| is_loopback(without_port(v))))
        && named(ORIGIN).all(|v| {
            v.to_str().ok().and_then(|v| v.split_once("://")).is_some_and(|(_, at)| is_loopback(without_port(at)))
        })
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn h34_only_this_machine_under_its_own_names() {
        let from = |peer: &str, host: &str, origin: Option<&str>| {
            let mut request = Request::get("/api/tenants").header("host", host);
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            let peer: SocketAddr = peer.parse().unwrap();
            is_from_here(&request.extension(ConnectInfo(peer)).body(()).unwrap().into_parts().0)
        };
        for host in ["127.0.0.1:8090", "localhost:8090", "localhost", "[::1]:8090"] {
            assert!(from("127.0.0.1:4000", host, None), "{host}");
        }
        assert!(from("[::1]:4000", "localhost", Some("http://localhost:3000")));
        for (peer, host, origin) in [
            ("10.0.0.7:4000", "localhost", None),
            ("127.0.0.1:4000", "evil.example", None),
            ("127.0.0.1:4000", "localhost.evil.example", None),
            ("127.0.0.1:4000", "localhost", Some("https://evil.example")),
            ("127.0.0.1:4000", "localhost", Some("null")),
        ] {
            assert!(!from(peer, host, origin), "{peer} {host} {origin:?}");
        }
        assert!(!is_from_here(&Request::get("/").body(()).unwrap().into_parts().0));
    }
}
