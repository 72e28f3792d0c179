//! The host of a request: one canonical text for all who look at it, and the tenant it names.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use tenantry_edge::directory::domain;

use crate::ablation::{Protection, removed};
use crate::refusal::Refusal;
use crate::settings::Settings;

/// A host as the client gave it, in its one form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Host<'a> {
    pub(crate) name: Cow<'a, str>,
    /// With the colon in front, or empty.
    pub(crate) port: &'a str,
    is_address: bool,
}

/// Which tenant a host names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Named<'a> {
    /// None.
    Nobody,
    /// The one of this slug.
    Slug(&'a str),
    /// The one whose own this name is.
    Domain(&'a str),
}

/// Reads the value of the `Host` header.
pub(crate) fn parse(value: &[u8]) -> Result<Host<'_>, Refusal> {
    let text = std::str::from_utf8(value).ok().filter(|t| t.is_ascii()).ok_or(Refusal::Host("it is not ASCII"))?;
    if text.is_empty() {
        return Err(Refusal::Host("it is empty"));
    }
    let colon = match text.rfind(']') {
        Some(bracket) => (bracket + 1 < text.len()).then_some(bracket + 1),
        None => text.find(':'),
    };
    let (name, port) = colon.map_or((text, ""), |at| text.split_at(at));
    if removed(Protection::HostForm) {
        let name = name.split(['@', '/', ' ']).next().unwrap_or_default().trim_matches('.');
        return Ok(Host { name: Cow::Owned(name.to_ascii_lowercase()), port: "", is_address: false });
    }
    let is_port =
        |digits: &str| digits.len() <= 5 && digits.parse::<u16>().is_ok_and(|n| n > 0) && !digits.starts_with('+');
    if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
        return Err(Refusal::Host("its port is none"));
    }
    let v6 = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    if name.parse::<Ipv4Addr>().is_ok() || v6.is_some_and(|n| n.parse::<Ipv6Addr>().is_ok()) {
        return Ok(Host { name: Cow::Borrowed(name), port, is_address: true });
    }
    let name = domain::canonical(name).ok_or(Refusal::Host("it is no host name"))?;
    Ok(Host { name, port, is_address: false })
}

impl Host<'_> {
    /// The tenant it names; refused where it names one in no way there is.
    pub(crate) fn tenant(&self, settings: &Settings) -> Result<Named<'_>, Refusal> {
        let name = &*self.name;
        if self.is_address || name == "localhost" || settings.hosts.iter().any(|h| h == name) {
            return Ok(Named::Nobody);
        }
        for base in &settings.base_domains {
            let Some(front) = name.strip_suffix(base.as_str()) else { continue };
            match front.strip_suffix('.') {
                None if front.is_empty() => return Ok(Named::Nobody),
                Some(label) if is_reserved(settings, label) => return Ok(Named::Nobody),
                // of deeper names nobody is the owner
                Some(label) if label.contains('.') => return Err(Refusal::TenantUnknown),
                Some(label) => return Ok(Named::Slug(label)),
                // it only ends with the same letters
                None => {}
            }
        }
        Ok(Named::Domain(name))
    }
}

fn is_reserved(settings: &Settings, label: &str) -> bool {
    settings.reserved_labels.iter().any(|r| r == label) && !removed(Protection::Labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_for_all_who_look() {
        for (value, name, port) in [
            ("acme.example.com", "acme.example.com", ""),
            ("ACME.Example.com.", "acme.example.com", ""),
            ("acme.example.com:443", "acme.example.com", ":443"),
            ("127.0.0.1:8080", "127.0.0.1", ":8080"),
            ("[::1]:8080", "[::1]", ":8080"),
            ("[::1]", "[::1]", ""),
            ("localhost", "localhost", ""),
        ] {
            let host = parse(value.as_bytes()).unwrap();
            assert_eq!((&*host.name, host.port), (name, port), "{value}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for value in [
            "",
            " ",
            "a.example.com:",
            "a.example.com:x",
            "a.example.com:0",
            "a.example.com:99999",
            "a.example.com:+80",
            "bolt.example.com@a.example.com",
            "a.example.com/",
            "a..example.com",
            ".example.com",
            "a_b.example.com",
            "a.example.com b",
            "a.example.com,b.example.com",
            "a%2eexample.com",
            "\u{ff41}.example.com",
            "xn--example-.org",
            "a.example.com:80:80",
            "[::1",
            "::1",
            "1.2.3",
            "a.example.com\0",
            "a.example.com\t",
        ] {
            assert!(parse(value.as_bytes()).is_err(), "{value:?}");
        }
    }
}
