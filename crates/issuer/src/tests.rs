//! Tokens that are good, and the ways in which they are not.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 4_000_000_000;

struct Signer {
    pair: Ed25519KeyPair,
    id: &'static str,
}

impl Signer {
    fn new(seed: u8, id: &'static str) -> Self {
        Self { pair: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap(), id }
    }

    fn jwks(&self) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": x, "use": "sig" }] }).to_string()
    }

    fn sign_as(&self, header: &Value, claims: &str) -> String {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", encode(&header.to_string()), encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(message.as_bytes()).as_ref());
        format!("{message}.{signature}")
    }

    fn sign(&self, claims: Value) -> String {
        self.sign_as(&json!({ "alg": "EdDSA", "typ": "JWT", "kid": self.id }), &claims.to_string())
    }
}

fn issuer(name: &str, signer: &Signer, tenant: Option<&str>) -> Arc<IssuerSettings> {
    let parts = IssuerParts {
        issuer: name.into(),
        audiences: vec!["app".into()],
        algorithms: vec!["EdDSA".into()],
        source: KeySource::Set(signer.jwks()),
        tenant_claims: vec!["tenant".into(), "https://example.com/tenant".into()],
        tenant: tenant.map(Into::into),
        token_type: None,
        client: None,
    };
    Arc::new(IssuerSettings::new(parts).unwrap())
}

fn parts(algorithm: &str, audience: &[&str], keys: &str) -> IssuerParts {
    IssuerParts {
        issuer: "i".into(),
        audiences: audience.iter().map(|a| (*a).to_owned()).collect(),
        algorithms: vec![algorithm.into()],
        source: KeySource::Set(keys.into()),
        tenant_claims: Vec::new(),
        tenant: None,
        token_type: None,
        client: None,
    }
}

async fn verify(issuers: &[Arc<IssuerSettings>], token: &str) -> Result<Proven, Refused> {
    super::verify(issuers, token, Waived::NOTHING).await
}

fn claims() -> Value {
    json!({ "iss": "https://one", "aud": "app", "exp": NOW, "sub": "u1", "tenant": "acme" })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

#[tokio::test]
async fn a_good_token_names_its_tenant() {
    let signer = Signer::new(1, "k");
    let issuers = [issuer("https://one", &signer, None)];
    let actor = verify(&issuers, &signer.sign(claims())).await.unwrap();
    assert_eq!((actor.tenant.as_deref(), &*actor.subject, actor.expires_at), (Some("acme"), "u1", NOW));
    let actor = verify(&issuers, &signer.sign(without("tenant"))).await.unwrap();
    assert_eq!(actor.tenant, None);
    let actor = verify(&issuers, &signer.sign(with("aud", json!(["other", "app"])))).await.unwrap();
    assert_eq!(&*actor.issuer, "https://one");
    let actor = verify(&issuers, &signer.sign(with("tenant", json!(7)))).await.unwrap();
    assert_eq!(actor.tenant.as_deref(), Some("7"));
}

#[tokio::test]
async fn h18_h20_h21_whatever_is_wrong_with_a_token_refuses_it() {
    let (signer, stranger) = (Signer::new(1, "k"), Signer::new(2, "k"));
    let issuers = [issuer("https://one", &signer, None)];
    let head = |more: Value| {
        let mut head = json!({ "alg": "EdDSA", "typ": "JWT", "kid": "k" });
        head.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        head
    };
    let text = claims().to_string();
    let good = signer.sign(claims());
    let (message, _) = good.rsplit_once('.').unwrap();
    let public = signer.pair.public_key().as_ref().to_vec();
    let mut hs = Header::new(Algorithm::HS256);
    hs.kid = Some("k".into());
    let jwk: Value = serde_json::from_str::<Value>(&stranger.jwks()).unwrap()["keys"][0].clone();
    let mut bad = vec![
        ("another's signature", stranger.sign(claims())),
        ("no signature", format!("{message}.")),
        ("two parts", message.to_owned()),
        ("four parts", format!("{good}.x")),
        ("zeros", format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 64]))),
        ("public key as secret", encode(&hs, &claims(), &EncodingKey::from_secret(&public)).unwrap()),
        ("empty secret", encode(&hs, &claims(), &EncodingKey::from_secret(b"")).unwrap()),
        ("own jwk", stranger.sign_as(&head(json!({ "jwk": jwk })), &text)),
        ("not a token", "rubbish".into()),
        ("empty", String::new()),
        ("json", json!({ "payload": "x", "signatures": [] }).to_string()),
        (
            "tenant twice",
            signer.sign_as(&head(json!({})), &text.replace("\"tenant\"", "\"tenant\":\"bolt\",\"tenant\"")),
        ),
        ("iss twice", signer.sign_as(&head(json!({})), &text.replace("\"iss\"", "\"iss\":\"https://two\",\"iss\""))),
        ("exp is huge", signer.sign_as(&head(json!({})), &text.replace("4000000000", "1e400"))),
    ];
    for alg in ["none", "nOnE", "NONE", "", "HS256", "ES256", "eddsa"] {
        bad.push(("another algorithm", signer.sign_as(&head(json!({ "alg": alg })), &text)));
    }
    for extra in [
        json!({ "crit": ["exp"] }),
        json!({ "b64": false }),
        json!({ "jku": "https://evil" }),
        json!({ "x5u": "https://evil" }),
        json!({ "enc": "A128GCM" }),
        json!({ "zip": "DEF" }),
        json!({ "kid": "../../k" }),
        json!({ "kid": "k\0" }),
        json!({ "kid": "' OR 1=1" }),
        json!({ "kid": 1 }),
    ] {
        bad.push(("header", signer.sign_as(&head(extra), &text)));
    }
    for (name, value) in [
        ("aud", json!("other")),
        ("aud", json!(["other"])),
        ("aud", json!({})),
        ("aud", json!("")),
        ("iss", json!("https://one/")),
        ("iss", json!("https://on")),
        ("iss", json!("https://one/a/..")),
        ("iss", json!(["https://one"])),
        ("exp", json!(1)),
        ("exp", json!(-1)),
        ("exp", json!("4000000000")),
        ("exp", json!(null)),
        ("nbf", json!(NOW)),
        ("nbf", json!("x")),
        ("tenant", json!(["acme"])),
        ("tenant", json!({ "id": "acme" })),
        ("tenant", json!(null)),
        ("tenant", json!(1.5)),
        ("https://example.com/tenant", json!("acme")),
    ] {
        bad.push(("claim", signer.sign(with(name, value))));
    }
    for name in ["aud", "iss", "exp"] {
        bad.push(("missing", signer.sign(without(name))));
    }
    for (why, token) in &bad {
        assert_eq!(verify(&issuers, token).await.err(), Some(Refused::Credential), "{why}: {token}");
    }
    assert!(verify(&issuers, &good).await.is_ok());
}

#[tokio::test]
async fn h19_an_issuer_speaks_for_its_own_tenant_only() {
    let (one, two) = (Signer::new(1, "k"), Signer::new(2, "k"));
    let issuers = [issuer("https://one", &one, Some("acme")), issuer("https://two", &two, Some("bolt"))];
    let bolt = json!({ "iss": "https://two", "aud": "app", "exp": NOW });
    let actor = verify(&issuers, &two.sign(bolt.clone())).await.unwrap();
    assert_eq!(actor.tenant.as_deref(), Some("bolt"));
    let mut lie = bolt.clone();
    lie["tenant"] = json!("acme");
    assert!(verify(&issuers, &two.sign(lie)).await.is_err());
    // the same key id in another issuer's set
    let mut forged = bolt;
    forged["iss"] = json!("https://one");
    assert!(verify(&issuers, &two.sign(forged)).await.is_err());
}

#[test]
fn issuers_that_would_take_too_much_are_refused() {
    let keys = Signer::new(1, "k").jwks();
    assert!(IssuerSettings::new(parts("EdDSA", &["app"], &keys)).is_ok());
    for bad in [
        parts("HS256", &["app"], &keys),
        parts("none", &["app"], &keys),
        parts("EdDSA", &[], &keys),
        parts("EdDSA", &["app"], "{}"),
        parts("EdDSA", &["app"], r#"{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"k"}]}"#),
    ] {
        assert!(IssuerSettings::new(bad).is_err());
    }
}

#[tokio::test]
async fn h22_an_address_counts_only_if_the_issuer_says_it_is_his() {
    let signer = Signer::new(1, "k");
    let issuers = [issuer("https://one", &signer, None)];
    for (verified, counts) in [(json!(true), true), (json!(false), false), (json!("true"), false), (json!(1), false)] {
        let mut claims = with("email", json!("ada@example.com"));
        claims["email_verified"] = verified.clone();
        let proven = verify(&issuers, &signer.sign(claims)).await.unwrap();
        assert_eq!(proven.email_is_verified, counts, "{verified}");
    }
    let unsaid = verify(&issuers, &signer.sign(with("email", json!("ada@example.com")))).await.unwrap();
    assert!(!unsaid.email_is_verified);
}

#[tokio::test]
async fn each_check_is_missed_when_it_is_waived() {
    let (signer, other) = (Signer::new(1, "k"), Signer::new(2, "k"));
    let issuers = [issuer("https://one", &signer, Some("acme")), {
        let parts = IssuerParts { algorithms: vec!["ES256".into()], ..parts("EdDSA", &["app"], &other.jwks()) };
        Arc::new(IssuerSettings::new(parts).unwrap())
    }];
    let head = json!({ "alg": "EdDSA", "kid": "k", "crit": ["exp"], "jku": "https://evil" });
    let mut elsewhere = claims();
    elsewhere["iss"] = json!("i");
    for (check, token) in [
        (Check::Header, signer.sign_as(&head, &claims().to_string())),
        (Check::Algorithm, other.sign(elsewhere)),
        (Check::Audience, signer.sign(with("aud", json!("other")))),
        (Check::Tenant, signer.sign(with("tenant", json!("bolt")))),
    ] {
        assert_eq!(verify(&issuers, &token).await.err(), Some(Refused::Credential), "{check:?}");
        assert!(super::verify(&issuers, &token, Waived::only(check)).await.is_ok(), "nobody misses {check:?}");
    }
}

/// A provider whose set can be changed.
fn provider(set: String) -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let set = Arc::new(Mutex::new(set));
    let given = Arc::clone(&set);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut input = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while input.read_line(&mut head).unwrap_or(0) > 2 {}
            let body = given.lock().unwrap().clone();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = input.get_mut().write_all(format!("{head}{body}").as_bytes());
        }
    });
    (url, set)
}

#[tokio::test]
async fn x12_a_key_that_the_issuer_took_back_counts_no_longer() {
    let (old, new) = (Signer::new(1, "old"), Signer::new(2, "new"));
    let (url, set) = provider(old.jwks());
    let made = IssuerParts { source: KeySource::Url(url), ..parts("EdDSA", &["app"], "") };
    let made = IssuerSettings::new(made).unwrap().with_refresh(Duration::ZERO);
    let issuers = [Arc::new(made)];
    let mut claims = claims();
    claims["iss"] = json!("i");
    assert!(verify(&issuers, &old.sign(claims.clone())).await.is_ok());
    *set.lock().unwrap() = new.jwks();
    assert_eq!(verify(&issuers, &old.sign(claims.clone())).await.err(), Some(Refused::Credential));
    assert!(verify(&issuers, &new.sign(claims.clone())).await.is_ok());
    // keys that cannot be had are no reason to turn everybody out
    *set.lock().unwrap() = "rubbish".into();
    assert!(verify(&issuers, &new.sign(claims)).await.is_ok());
}

#[test]
fn h36_keys_come_over_tls_or_from_this_machine() {
    for (url, fits) in [
        ("https://id.example.com/keys", true),
        ("http://127.0.0.1:8080/keys", true),
        ("http://[::1]/keys", true),
        ("http://localhost/keys", true),
        ("http://id.example.com/keys", false),
        ("http://127.0.0.1.example.com/keys", false),
        ("http://10.0.0.1/keys", false),
        ("file:///etc/passwd", false),
        ("https://", false),
        ("", false),
    ] {
        let made = IssuerParts { source: KeySource::Url(url.into()), ..parts("EdDSA", &["app"], "") };
        assert_eq!(IssuerSettings::new(made).is_ok(), fits, "{url}");
    }
    let made = IssuerSettings::new(parts("EdDSA", &["app"], &Signer::new(1, "k").jwks())).unwrap();
    assert!(made.with_leeway(LEEWAY_SECONDS_MAX + 1).is_err());
}
