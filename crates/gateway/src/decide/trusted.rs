//! What proxies in front of us may say, and nobody else: where a request comes from, over what, and its id.

use std::net::IpAddr;

use crate::ablation::{Protection, removed};
use crate::client::Peer;
use crate::settings::Settings;

/// Longest id of a request that is taken over.
const ID_BYTES_MAX: usize = 64;

/// The address of the client, and whether the peer is one of ours.
///
/// Of `X-Forwarded-For` the last address counts that is none of ours: what stands before it a client may have written.
pub(super) fn client(settings: &Settings, peer: &Peer, forwarded_for: Option<&str>) -> (IpAddr, bool) {
    let is_ours = |address: &IpAddr| settings.trusted_proxies.iter().any(|net| net.contains(address));
    if removed(Protection::TrustedProxies) {
        let first = forwarded_for.and_then(|f| f.split(',').next()?.trim().parse().ok());
        return (first.unwrap_or(peer.address), false);
    }
    if !is_ours(&peer.address) {
        return (peer.address, false);
    }
    let mut last = peer.address;
    for text in forwarded_for.unwrap_or_default().rsplit(',') {
        let Ok(address) = text.trim().parse::<IpAddr>() else { break };
        last = address;
        if !is_ours(&address) {
            break;
        }
    }
    (last, true)
}

/// Whether this can be the id of a request.
pub(super) fn is_id(text: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        assert!(is_id("a-1_b.C") && !is_id("") && !is_id("a b") && !is_id("a\r\nb") && !is_id(&"a".repeat(65)));
    }
}
