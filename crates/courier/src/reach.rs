//! Which addresses may be connected to, where somebody else says the name.
//!
//! What is not the public internet is refused: our own machine, networks that are private, link-local (the metadata
//! service of clouds lives there), shared, reserved or multicast, whatever way an IPv4 address is wrapped into an IPv6
//! one. Operators allow networks of their own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// What may be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every address: for places that our own configuration names.
    Anywhere,
    /// The public internet, over TLS; and these networks, also without.
    Public {
        /// Networks that the operator allows.
        allow: Vec<IpNet>,
    },
}

impl Reach {
    /// Whether this address may be connected to, over TLS or without it.
    pub fn permits(&self, address: IpAddr, is_tls: bool) -> bool {
        // 127.0.0.1 and ::ffff:127.0.0.1 are one address
        let address = address.to_canonical();
        match self {
            Self::Anywhere => true,
            Self::Public { allow } if allow.iter().any(|net| net.contains(&address)) => true,
            Self::Public { .. } => is_tls && is_public(address),
        }
    }
}

/// Whether an address is one of the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 31, 196)
            | (192, 52, 193)
            | (192, 88, 99)
            | (192, 168, _)
            | (192, 175, 48)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            | (224..=255, _, _)
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, ..] = address.segments();
    // of what is given out at all: no protocol assignments (Teredo among them), no documentation, no 6to4
    match (a, b, c) {
        (0x2001, 0..=0x01ff | 0x0db8, _) | (0x2002, _, _) | (0x3fff, 0..=0x0fff, _) | (0x2620, 0x004f, 0x8000) => false,
        _ => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_the_public_internet_over_tls() {
        let public = Reach::Public { allow: Vec::new() };
        for good in ["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"] {
            assert!(public.permits(ip(good), true), "{good}");
            assert!(!public.permits(ip(good), false), "{good} without TLS");
            assert!(Reach::Anywhere.permits(ip(good), false));
        }
        for bad in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.19.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!public.permits(ip(bad), true), "{bad}");
        }
    }

    #[test]
    fn an_operator_allows_networks_however_they_are_written() {
        let reach = Reach::Public { allow: vec!["127.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()] };
        for good in ["127.0.0.1", "::ffff:127.0.0.1", "fd12::1"] {
            assert!(reach.permits(ip(good), false), "{good}");
        }
        for bad in ["10.0.0.1", "::1", "fe80::1"] {
            assert!(!reach.permits(ip(bad), true), "{bad}");
        }
    }
}
