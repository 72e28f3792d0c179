//! A client that proves a password, or does not.
//!
//! The first byte of an input says how the exchange is set up: bit 0, the client came by TLS; bit 1, there is no such
//! user; bit 2, it chose the mechanism with channel binding. Behind it stand the client's two messages, with a line feed
//! in between.

use std::sync::LazyLock;

use crate::frontend::SaslInitial;
use crate::scram::{Decoy, Exchange, NONCE_BYTES, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, Verifier};

/// Of the passwords `pencil` and `crayon`.
static VERIFIERS: LazyLock<[Verifier; 2]> = LazyLock::new(|| {
    [
        "SCRAM-SHA-256$4096:AwMDAwMDAwMDAwMDAwMDAw==$R7NBlSvCJ9M/7I/u5Ur+SPDsFo7wbua2VVwwxfb1hp8=:HSIdLu047BLxb0txzA2qIcR44szL7AqCUr7W2Nl9/Sc=",
        "SCRAM-SHA-256$4096:AwMDAwMDAwMDAwMDAwMDAw==$0ymSBe7k2iDogZTc6DJJ4kgOQyL6+SQg9+/Cgp6cwt4=:VQxkkWyDQoMwaREm+Pg1TGZQGvTuR44PVa0TLFSJOAs=",
    ]
    .map(|text| Verifier::parse(text).expect("a verifier"))
});

/// Runs one exchange, and reads the input as a verifier.
pub fn scram(input: &[u8]) {
    try_verifier(input);
    accepted(input);
}

/// Which password was proven, if any.
pub(super) fn accepted(input: &[u8]) -> Option<usize> {
    let (setup, messages) = input.split_first()?;
    let mut parts = messages.splitn(2, |b| *b == b'\n');
    let (first, last) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (tls, nobody, plus) = (setup & 1 != 0, setup & 2 != 0, setup & 4 != 0);
    let candidates: &[Verifier] = if nobody { &[] } else { &*VERIFIERS };
    let end_point = tls.then_some(&[9; 32][..]);
    let mut exchange = Exchange::new("ann", candidates, &Decoy::new([7; 32], 4096), end_point, [1; NONCE_BYTES])
        .expect("candidates that are alike");
    let mechanism = if plus { SCRAM_SHA_256_PLUS } else { SCRAM_SHA_256 };
    let Ok(challenge) = exchange.first(SaslInitial { mechanism, data: first }) else {
        assert!(exchange.last(last).is_err(), "it is over");
        return None;
    };
    assert!(tls || !plus, "a mechanism that was not offered");
    assert!(!first.starts_with(b"y") || !tls, "a downgrade that was not seen");
    assert_eq!(first.starts_with(b"p=tls-server-end-point,"), plus, "a binding that does not fit");
    let challenge = String::from_utf8(challenge).expect("our own text");
    let nonce = challenge.strip_prefix("r=").and_then(|c| c.split(',').next()).expect("a nonce");
    assert!(challenge.ends_with(",i=4096") && nonce.ends_with("AQEBAQEBAQEBAQEBAQEBAQEB"));
    let accepted = exchange.last(last).ok();
    if let Some(accepted) = &accepted {
        assert!(!nobody && accepted.index < candidates.len());
        assert!(accepted.reply.starts_with(b"v="));
        let last = String::from_utf8_lossy(last);
        assert!(last.contains(&format!(",r={nonce},")), "accepted without our nonce");
    }
    assert!(exchange.last(last).is_err(), "it is over");
    accepted.map(|accepted| accepted.index)
}

fn try_verifier(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(read) = Verifier::parse(text) {
        assert_eq!(Verifier::parse(&read.to_text()), Ok(read), "read and written again, it is another");
    }
}
