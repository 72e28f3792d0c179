//! The signed context: what the application may believe about a request, as a JWT it can check in any language.
//!
//! It names tenant and caller, and is bound to method, path and id of the one request it was made for; it lives for
//! seconds. The public key is at a path of the gateway, as a JWK set. What is not said in it the gateway does not know.

use std::fmt::Write as _;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How contexts are signed.
pub enum ContextAlgorithm {
    /// A key pair: the application needs the public key only.
    EdDsa(Box<Ed25519KeyPair>),
    /// A secret that gateway and application share: faster, and whoever checks could sign.
    Hs256(Box<hmac::Key>),
}

/// Signs contexts.
pub struct ContextSettings {
    issuer: String,
    audience: String,
    lifetime: Duration,
    jwks_path: String,
    algorithm: ContextAlgorithm,
    header: String,
    jwks: String,
}

/// A key that is none.
#[derive(Debug, thiserror::Error)]
#[error("a key for contexts has 32 bytes")]
pub struct KeyError;

/// What a context says.
pub(crate) struct Said<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// Members about the tenant, as JSON, with a comma in front.
    pub(crate) tenant: &'a str,
    pub(crate) source: &'a str,
    pub(crate) proven: bool,
    pub(crate) subject: Option<(&'a str, &'a str)>,
    pub(crate) now: i64,
}

impl ContextSettings {
    /// From 32 secret bytes.
    pub fn new(
        key: &[u8; 32],
        shared: bool,
        issuer: String,
        audience: String,
        lifetime: Duration,
        jwks_path: String,
    ) -> Result<Self, KeyError> {
        let (algorithm, header, jwks) = if shared {
            let key = hmac::Key::new(hmac::HMAC_SHA256, key);
            (
                ContextAlgorithm::Hs256(Box::new(key)),
                r#"{"alg":"HS256","typ":"JWT"}"#.to_owned(),
                r#"{"keys":[]}"#.to_owned(),
            )
        } else {
            let pair = Ed25519KeyPair::from_seed_unchecked(key).map_err(|_| KeyError)?;
            let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
            // RFC 7638: the members in this order, and nothing else
            let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, members.as_bytes());
            let id = URL_SAFE_NO_PAD.encode(digest);
            let header = format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{id}"}}"#);
            let jwks = format!(
                r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":"{id}","x":"{x}"}}]}}"#
            );
            (ContextAlgorithm::EdDsa(Box::new(pair)), header, jwks)
        };
        let header = URL_SAFE_NO_PAD.encode(header);
        Ok(Self { issuer, audience, lifetime, jwks_path, algorithm, header, jwks })
    }

    /// Where the public key is.
    pub(crate) fn jwks_path(&self) -> &str {
        &self.jwks_path
    }

    /// The public key.
    pub(crate) fn jwks(&self) -> &str {
        &self.jwks
    }

    /// Signs, and writes the token behind what is in `out`.
    pub(crate) fn sign(&self, said: &Said<'_>, out: &mut Vec<u8>) {
        let mut claims = String::with_capacity(512);
        let expires = said.now.saturating_add(i64::try_from(self.lifetime.as_secs()).unwrap_or(60));
        claims.push_str("{\"iss\":");
        quote(&self.issuer, &mut claims);
        claims.push_str(",\"aud\":");
        quote(&self.audience, &mut claims);
        // writing to a String cannot fail
        let _ = write!(claims, ",\"iat\":{},\"exp\":{expires},\"jti\":", said.now);
        quote(said.request_id, &mut claims);
        claims.push_str(",\"method\":");
        quote(said.method, &mut claims);
        claims.push_str(",\"path\":");
        quote(said.path, &mut claims);
        claims.push_str(said.tenant);
        let _ = write!(claims, ",\"source\":\"{}\",\"proven\":{}", said.source, said.proven);
        if let Some((issuer, subject)) = said.subject {
            claims.push_str(",\"sub\":");
            quote(subject, &mut claims);
            claims.push_str(",\"subIss\":");
            quote(issuer, &mut claims);
        }
        claims.push('}');
        let start = out.len();
        out.extend_from_slice(self.header.as_bytes());
        out.push(b'.');
        encode(claims.as_bytes(), out);
        match &self.algorithm {
            ContextAlgorithm::EdDsa(pair) => {
                let signature = pair.sign(&out[start..]);
                out.push(b'.');
                encode(signature.as_ref(), out);
            }
            ContextAlgorithm::Hs256(key) => {
                let tag = hmac::sign(key, &out[start..]);
                out.push(b'.');
                encode(tag.as_ref(), out);
            }
        }
    }
}

fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    // there is room for more than it needs
    let written = URL_SAFE_NO_PAD.encode_slice(bytes, &mut out[start..]).unwrap_or(0);
    out.truncate(start + written);
}

/// A text as JSON.
pub(crate) fn quote(text: &str, out: &mut String) {
    let is_plain = text.bytes().all(|b| matches!(b, 0x20..=0x7e) && b != b'"' && b != b'\\');
    if is_plain {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::JwkSet;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
    use serde_json::Value;

    use super::*;

    fn said<'a>() -> Said<'a> {
        Said {
            request_id: "r1",
            method: "GET",
            path: "/a\"b",
            tenant: ",\"tenant\":\"7\"",
            source: "host",
            proven: false,
            subject: Some(("https://i", "ü")),
            now: 4_000_000_000,
        }
    }

    #[test]
    fn anybody_can_check_it_with_the_public_key() {
        let (iss, aud) = ("gateway".to_owned(), "application".to_owned());
        for shared in [false, true] {
            let settings =
                ContextSettings::new(&[7; 32], shared, iss.clone(), aud.clone(), Duration::from_secs(60), "/k".into());
            let settings = settings.unwrap();
            let mut out = b"X: ".to_vec();
            settings.sign(&said(), &mut out);
            let token = std::str::from_utf8(&out[3..]).unwrap();
            let (key, algorithm) = if shared {
                (DecodingKey::from_secret(&[7; 32]), Algorithm::HS256)
            } else {
                let set: JwkSet = serde_json::from_str(settings.jwks()).unwrap();
                (DecodingKey::from_jwk(&set.keys[0]).unwrap(), Algorithm::EdDSA)
            };
            let mut validation = Validation::new(algorithm);
            validation.set_audience(&["application"]);
            validation.set_issuer(&["gateway"]);
            let claims = decode::<Value>(token, &key, &validation).unwrap().claims;
            assert_eq!(claims["exp"], 4_000_000_060_i64);
            assert_eq!(
                (&claims["path"], &claims["tenant"], &claims["sub"]),
                (&"/a\"b".into(), &"7".into(), &"ü".into())
            );
            let other = Validation::new(algorithm);
            assert!(decode::<Value>(&token.replace('.', "x."), &key, &other).is_err());
        }
    }
}
