//! Which addresses an endpoint may have, as far as one can tell before it is connected to. What its name resolves to
//! is checked at every connection (`tenantry_courier::Reach`).

use std::net::IpAddr;

use tenantry_courier::Reach;
use url::{Host, Url};

use crate::ablation::{Protection, removed};
use crate::error::Error;

const FIELD: &str = "url";
/// Longest address.
const BYTES_MAX: usize = 2_048;

/// What may be reached.
pub(super) fn reach(settings: &super::WebhookSettings) -> Reach {
    if removed(Protection::WebhookReach) {
        return Reach::Anywhere;
    }
    Reach::Public { allow: settings.allow.clone() }
}

/// An address in its one form, or why not.
pub(super) fn check(text: &str, reach: &Reach) -> Result<String, Error> {
    let bad = |message: &str| Err(Error::field(FIELD, message));
    if text.len() > BYTES_MAX {
        return bad("give at most 2048 bytes");
    }
    let Ok(url) = Url::parse(text) else { return bad("give an address like https://example.com/hooks") };
    let is_tls = match url.scheme() {
        "https" => true,
        "http" => false,
        _ => return bad("give an https:// address"),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return bad("leave user and password out: the signature says who we are");
    }
    if url.fragment().is_some() {
        return bad("leave out what stands after #");
    }
    let literal = match url.host() {
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        Some(Host::Domain(name)) if !name.is_empty() => None,
        _ => return bad("name a host"),
    };
    match literal {
        Some(ip) if !reach.permits(ip, is_tls) => {
            return bad("this address is not one of the public internet over TLS: name one that is");
        }
        // where a name leads is seen when it is connected to
        None if !is_tls && *reach == (Reach::Public { allow: Vec::new() }) => {
            return bad("give an https:// address");
        }
        _ => {}
    }
    let whole = url.to_string();
    if whole.len() > BYTES_MAX || whole.parse::<hyper::Uri>().is_err() {
        return bad("give an address like https://example.com/hooks, at most 2048 bytes");
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_lead_inside_are_refused_however_they_are_written() {
        let public = Reach::Public { allow: Vec::new() };
        assert_eq!(check("https://Example.com", &public).unwrap(), "https://example.com/");
        assert_eq!(check("https://example.com:8443/a?b=c", &public).unwrap(), "https://example.com:8443/a?b=c");
        for bad in [
            "",
            "example.com",
            "ftp://example.com/",
            "gopher://127.0.0.1:6379/_x",
            "http://example.com/",
            "https://",
            "https://u:p@example.com/",
            "https://example.com/#x",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest/meta-data",
            "https://0/",
            "https://10.1.2.3/",
            "https://１２７.0.0.1/",
            "https://a b/",
            &format!("https://example.com/{}", "x".repeat(BYTES_MAX)),
        ] {
            assert!(check(bad, &public).is_err(), "{bad}");
        }
        let inside = Reach::Public { allow: vec!["127.0.0.0/8".parse().unwrap()] };
        assert!(check("http://127.0.0.1:9000/x", &inside).is_ok() && check("http://hooks.internal/", &inside).is_ok());
        assert!(check("http://10.0.0.1/", &inside).is_err());
    }
}
