//! What a client binds to: the hash of our certificate, `tls-server-end-point` of RFC 5929.

use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, SHA_1_WITH_RSA_ENCRYPTION, SHA_256_WITH_RSA_ENCRYPTION,
    SHA_384_WITH_RSA_ENCRYPTION, SHA_512_WITH_RSA_ENCRYPTION,
};

/// The hash of a certificate in DER, by the algorithm that it is signed with.
///
/// `None` where that algorithm names no hash that both sides would choose (Ed25519, RSA-PSS), or it is no certificate:
/// then channel binding cannot be offered.
pub fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let algorithm = Certificate::from_der(certificate).ok()?.signature_algorithm.oid;
    if [SHA_1_WITH_RSA_ENCRYPTION, SHA_256_WITH_RSA_ENCRYPTION, ECDSA_WITH_SHA_256].contains(&algorithm) {
        // the RFC replaces SHA-1
        return Some(Sha256::digest(certificate).to_vec());
    }
    if [SHA_384_WITH_RSA_ENCRYPTION, ECDSA_WITH_SHA_384].contains(&algorithm) {
        return Some(Sha384::digest(certificate).to_vec());
    }
    [SHA_512_WITH_RSA_ENCRYPTION, ECDSA_WITH_SHA_512].contains(&algorithm).then(|| Sha512::digest(certificate).to_vec())
}
