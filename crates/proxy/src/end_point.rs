//! The hash of a certificate for channel binding: `tls-server-end-point` of RFC 5929.

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};

/// DER of the object identifiers of signature algorithms whose hash is not SHA-256, as they stand in a certificate.
/// RSA and ECDSA with SHA-384 and SHA-512 (RFC 4055, RFC 5758). MD5 and SHA-1 count as SHA-256 by RFC 5929.
const SHA384_ALGORITHMS: [&[u8]; 2] = [
    &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c],
    &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03],
];
const SHA512_ALGORITHMS: [&[u8]; 2] = [
    &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d],
    &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04],
];
/// Ed25519, for which the RFC names no hash: no channel binding.
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

/// The hash of a certificate in DER; `None` if it is none, or signed with an algorithm that names no hash.
pub fn of(certificate: &[u8]) -> Option<Vec<u8>> {
    let algorithm = signature_algorithm(certificate)?;
    if algorithm.starts_with(ED25519) {
        return None;
    }
    let is = |known: &[&[u8]]| known.iter().any(|k| algorithm.starts_with(k));
    let hash = match () {
        () if is(&SHA384_ALGORITHMS) => &SHA384,
        () if is(&SHA512_ALGORITHMS) => &SHA512,
        () => &SHA256,
    };
    Some(digest(hash, certificate).as_ref().to_vec())
}

/// The content of `signatureAlgorithm`, the second element of a certificate.
fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    let (content, _) = element(certificate)?;
    let (_, after) = element(content)?;
    element(after).map(|(algorithm, _)| algorithm)
}

/// Content of the first DER element, and what follows it.
fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let first = usize::from(*der.get(1)?);
    let (length, header) = if first < 0x80 {
        (first, 2)
    } else {
        let count = first & 0x7f;
        let bytes = der.get(2..2 + count).filter(|_| (1..=4).contains(&count))?;
        (bytes.iter().fold(0, |all, byte| all << 8 | usize::from(*byte)), 2 + count)
    };
    let end = header.checked_add(length)?;
    Some((der.get(header..end)?, der.get(end..)?))
}
