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

/// Whether this is a W3C trace parent.
pub(super) fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, span, flags] = parts[..] else { return false };
    let hex = |part: &str, length| part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let not_zero = |part: &str| part.bytes().any(|b| b != b'0');
    version == "00" && hex(trace, 32) && hex(span, 16) && hex(flags, 2) && not_zero(trace) && not_zero(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_parents() {
        assert!(is_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        for bad in [
            "",
            "00-0-0-0",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert!(!is_traceparent(bad), "{bad}");
        }
        assert!(is_id("a-1_b.C") && !is_id("") && !is_id("a b") && !is_id("a\r\nb") && !is_id(&"a".repeat(65)));
    }
}
