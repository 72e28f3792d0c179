//! Whoever signs the tokens of the corpus: an issuer with keys of three kinds, and the ways not to be it.

use std::sync::{Arc, LazyLock};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tenantry_issuer::{IssuerParts, IssuerSettings, KeySource};

use super::text::bytes;

const CLAIMS: &str = r#"{"iss":"https://many","aud":"app","exp":4000000000,"sub":"u1","tenant":"acme"}"#;

struct Keys {
    ed: Ed25519KeyPair,
    stranger: Ed25519KeyPair,
    es: EcdsaKeyPair,
    es_der: EcdsaKeyPair,
    rs: RsaKeyPair,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    Keys {
        ed: Ed25519KeyPair::from_seed_unchecked(&[11; 32]).unwrap(),
        stranger: Ed25519KeyPair::from_seed_unchecked(&[12; 32]).unwrap(),
        es: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap(),
        es_der: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap(),
        rs: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
    }
});

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn okp(pair: &Ed25519KeyPair, kid: &str) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": b64(pair.public_key()) })
}

fn set() -> Value {
    let point = KEYS.es.public_key().as_ref();
    let public = KEYS.rs.public_key();
    json!({ "keys": [
        okp(&KEYS.ed, "k"),
        { "kty": "EC", "crv": "P-256", "kid": "e", "x": b64(&point[1..33]), "y": b64(&point[33..]) },
        { "kty": "RSA", "kid": "r", "n": b64(public.modulus().big_endian_without_leading_zero()),
          "e": b64(public.exponent().big_endian_without_leading_zero()) },
    ] })
}

/// The issuers of the corpus: one with all kinds of keys, one with the same keys and one algorithm, one with a type.
pub(super) fn issuers() -> Vec<Arc<IssuerSettings>> {
    let issuer = |name: &str, algorithms: &[&str], token_type: Option<&str>| {
        let parts = IssuerParts {
            issuer: name.into(),
            audiences: vec!["app".into()],
            algorithms: algorithms.iter().map(|a| (*a).to_owned()).collect(),
            source: KeySource::Set(set().to_string()),
            tenant_claims: vec!["tenant".into()],
            tenant: None,
            token_type: token_type.map(Into::into),
            client: None,
        };
        Arc::new(IssuerSettings::new(parts).unwrap())
    };
    vec![
        issuer("https://many", &["EdDSA", "ES256", "RS256", "PS256"], None),
        issuer("https://eddsa-only", &["EdDSA"], None),
        issuer("https://typed", &["EdDSA"], Some("at+jwt")),
    ]
}

fn filled(text: &str) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let text = text
        .replace("$CLAIMS", CLAIMS)
        .replace("$JWK", &okp(&KEYS.stranger, "k").to_string())
        .replace("$K", r#"{"alg":"EdDSA","kid":"k"}"#)
        .replace("$E", r#"{"alg":"ES256","kid":"e"}"#)
        .replace("$R", r#"{"alg":"RS256","kid":"r"}"#)
        .replace("$PAST", &(now - 3600).to_string())
        .replace("$LATE", &(now - 20).to_string())
        .replace("$SOON", &(now + 20).to_string())
        .replace("$FAR", &(now + 3600).to_string())
        .replace("https://issuer", "https://many");
    bytes(&text)
}

/// A token of these parts.
pub(super) fn token(header: &str, claims: &str, signature: &str, form: &str) -> String {
    let (header, claims) = (filled(header), filled(claims));
    let signed = match signature.strip_prefix("of:") {
        // a signature of something else
        Some(other) => format!("{}.{}", b64(filled("$K")), b64(filled(other))),
        None => format!("{}.{}", b64(&header), b64(&claims)),
    };
    let made = sign(signature, signed.as_bytes());
    let mut loose = b64(&made);
    if let Some(last) = loose.pop() {
        // the last sign holds bits that belong to no byte
        const SIGNS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let at = SIGNS.find(last).unwrap();
        loose.push(char::from(SIGNS.as_bytes()[at ^ 1]));
    }
    form.replace("$h", &b64(&header))
        .replace("$H", &STANDARD_NO_PAD.encode(&header))
        .replace("$c", &b64(&claims))
        .replace("$s", &b64(&made))
        .replace("$t", &loose)
}

fn sign(how: &str, message: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    let rsa = |padding: &'static dyn signature::RsaEncoding| {
        let mut out = vec![0; KEYS.rs.public_modulus_len()];
        KEYS.rs.sign(padding, &random, message, &mut out).unwrap();
        out
    };
    let own = || KEYS.ed.sign(message).as_ref().to_vec();
    match how {
        "ed" => own(),
        how if how.starts_with("of:") => own(),
        "stranger" => KEYS.stranger.sign(message).as_ref().to_vec(),
        "es" => KEYS.es.sign(&random, message).unwrap().as_ref().to_vec(),
        "der" => KEYS.es_der.sign(&random, message).unwrap().as_ref().to_vec(),
        "rs" => rsa(&signature::RSA_PKCS1_SHA256),
        "ps" => rsa(&signature::RSA_PSS_SHA256),
        "none" => Vec::new(),
        "zeros" => vec![0; 64],
        "short" => own()[..63].to_vec(),
        "long" => [own(), vec![0]].concat(),
        "flip" => {
            let mut made = own();
            made[63] ^= 1;
            made
        }
        how if how.starts_with("edge:") => at_the_edge(&how[5..], message),
        how => {
            let secret = secret(how.strip_prefix("hs:").unwrap_or_else(|| panic!("{how} is no signature")));
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message).as_ref().to_vec()
        }
    }
}

/// The order of P-256's group, and that of Ed25519's, the latter with its lowest byte first.
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const ED25519_ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Signatures as Wycheproof has them: numbers at the edges of what a reader may take.
fn at_the_edge(how: &str, message: &[u8]) -> Vec<u8> {
    let (zero, order) = (vec![0; 32], hex(P256_ORDER));
    let es = sign("es", message);
    let (r, s) = es.split_at(32);
    let ed = sign("ed", message);
    let (point, scalar) = ed.split_at(32);
    let rs = sign("rs", message);
    let one = [&zero[1..], &[1]].concat();
    match how {
        "r is 0" => [&zero, s].concat(),
        "s is 0" => [r, &zero].concat(),
        "r is the order" => [&order, s].concat(),
        "s is the order" => [r, &order].concat(),
        "both are the order" => [&*order, &*order].concat(),
        "r and s are 1" => [&*one, &*one].concat(),
        "swapped" => [s, r].concat(),
        "a zero in front" => [&[0], r, &[0], s].concat(),
        "all ones" => vec![0xff; 64],
        "the scalar and the order" => {
            let mut carry = 0_u16;
            let sum = scalar.iter().zip(hex(ED25519_ORDER)).map(|(a, b)| {
                carry += u16::from(*a) + u16::from(b);
                let byte = u8::try_from(carry & 0xff).unwrap();
                carry >>= 8;
                byte
            });
            [point.to_vec(), sum.collect()].concat()
        }
        "a point of small order" => [&[1], &zero[1..], &zero[..]].concat(),
        "a point that is none" => [&[0xff; 32], scalar].concat(),
        "the point's sign turned" => {
            let mut turned = ed.clone();
            turned[31] ^= 0x80;
            turned
        }
        "RSA, a zero in front" => [&[0], &rs[..]].concat(),
        "RSA, the first byte missing" => rs[1..].to_vec(),
        "RSA, zeros" => vec![0; rs.len()],
        "RSA, one" => [&vec![0; rs.len() - 1][..], &[1]].concat(),
        "RSA, all ones" => vec![0xff; rs.len()],
        other => panic!("{other} is no edge"),
    }
}

/// What an attacker knows of the issuer's keys.
fn secret(what: &str) -> Vec<u8> {
    let der = || AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(KEYS.rs.public_key()).unwrap();
    match what {
        "empty" => Vec::new(),
        "raw" => KEYS.ed.public_key().as_ref().to_vec(),
        "x" => b64(KEYS.ed.public_key()).into_bytes(),
        "jwk" => okp(&KEYS.ed, "k").to_string().into_bytes(),
        "set" => set().to_string().into_bytes(),
        "der" => der().as_ref().to_vec(),
        "pem" => {
            let text = STANDARD.encode(der().as_ref());
            let lines: Vec<_> = text.as_bytes().chunks(64).map(|l| std::str::from_utf8(l).unwrap()).collect();
            format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n")).into_bytes()
        }
        other => panic!("{other} is no secret"),
    }
}
