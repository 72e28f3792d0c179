//! Tokens that are good, and the ways in which they are not.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use jsonwebtoken::{EncodingKey, Header, encode};
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
    assert_eq!((&actor.bound, &*actor.subject, actor.expires_at), (&Bound::ToName("acme".into()), "u1", NOW));
    let actor = verify(&issuers, &signer.sign(without("tenant"))).await.unwrap();
    assert_eq!(actor.bound, Bound::Nothing);
    let actor = verify(&issuers, &signer.sign(with("aud", json!(["other", "app"])))).await.unwrap();
    assert_eq!(&*actor.issuer, "https://one");
    let actor = verify(&issuers, &signer.sign(with("tenant", json!(7)))).await.unwrap();
    assert_eq!(actor.bound, Bound::ToName("7".into()));
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
        assert_eq!(verify(&issuers, token).await.err(), Some(Refusal::CredentialRefused), "{why}: {token}");
    }
    assert!(verify(&issuers, &good).await.is_ok());
}

#[tokio::test]
async fn h19_an_issuer_speaks_for_its_own_tenant_only() {
    let (one, two) = (Signer::new(1, "k"), Signer::new(2, "k"));
    let issuers = [issuer("https://one", &one, Some("acme")), issuer("https://two", &two, Some("bolt"))];
    let bolt = json!({ "iss": "https://two", "aud": "app", "exp": NOW });
    let actor = verify(&issuers, &two.sign(bolt.clone())).await.unwrap();
    assert_eq!(actor.bound, Bound::ToName("bolt".into()));
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
    let parts = |algorithm: &str, audience: &[&str], keys: &str| IssuerParts {
        issuer: "i".into(),
        audiences: audience.iter().map(|a| (*a).to_owned()).collect(),
        algorithms: vec![algorithm.into()],
        source: KeySource::Set(keys.into()),
        tenant_claims: Vec::new(),
        tenant: None,
        token_type: None,
        client: None,
    };
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
