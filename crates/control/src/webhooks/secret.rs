//! What an endpoint knows us by. The secret is made from the control plane's own and the endpoint's id and number, so
//! the database holds none: who copies it cannot sign.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// What every secret begins with.
const PREFIX: &str = "whsec_";

/// The secret of an endpoint.
pub(super) struct EndpointSecret(Zeroizing<[u8; 32]>);

impl EndpointSecret {
    /// Of this endpoint, the first one or a later one.
    pub(super) fn of(secret: &Secret, webhook: Uuid, number: i32) -> Self {
        Self(Zeroizing::new(secret.mac("secret of a webhook", format!("{webhook} {number}").as_bytes())))
    }

    /// As it is shown, once.
    pub(super) fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", STANDARD.encode(*self.0)))
    }

    /// The signature of a message at a moment, for the header `webhook-signature`.
    pub(super) fn sign(&self, id: &str, at: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{at}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_signs_as_the_specification_does() {
        // the example of the specification's reference libraries
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}");
        assert_eq!(STANDARD.encode(mac.finalize().into_bytes()), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");

        let (secret, id) = (Secret::random().unwrap(), Uuid::now_v7());
        let first = EndpointSecret::of(&secret, id, 1);
        let signature = first.sign("msg", 1, b"body");
        for other in [
            EndpointSecret::of(&secret, id, 2).sign("msg", 1, b"body"),
            EndpointSecret::of(&secret, Uuid::now_v7(), 1).sign("msg", 1, b"body"),
            first.sign("msg", 2, b"body"),
            first.sign("other", 1, b"body"),
            first.sign("msg", 1, b"Body"),
        ] {
            assert_ne!(signature, other);
        }
        assert_eq!(STANDARD.decode(first.text().strip_prefix(PREFIX).unwrap()).unwrap(), *first.0);
    }
}
