//! H-18 to H-24 through the gateway, and H-37, H-38: proofs that are none. The ways a token can be wrong are all in
//! the tests beside `authenticate::issuer`.

use serde_json::json;

use crate::scene::{ACME_KEY, BOLT_KEY, ISSUER, Scene, bearer, sign};

#[test]
fn h18_h19_h20_a_token_of_somebody_else_is_none() {
    let scene = Scene::new();
    let head = json!({ "alg": "EdDSA", "kid": "k" });
    let claims = |iss: &str, aud: &str, tenant: &str| json!({ "iss": iss, "aud": aud, "exp": 4_000_000_000_u64, "tenant": tenant });
    for (why, token, status) in [
        ("good", sign(1, &head, &claims(ISSUER, "app", "acme")), 200),
        ("bolt's own issuer", sign(2, &head, &claims("https://bolt", "app", "bolt")), 403),
        ("bolt's issuer speaks for acme", sign(2, &head, &claims("https://bolt", "app", "acme")), 401),
        ("bolt's key, our issuer", sign(2, &head, &claims(ISSUER, "app", "acme")), 401),
        ("a stranger's key", sign(9, &head, &claims(ISSUER, "app", "acme")), 401),
        ("another audience", sign(1, &head, &claims(ISSUER, "other", "acme")), 401),
        ("no algorithm", sign(1, &json!({ "alg": "none", "kid": "k" }), &claims(ISSUER, "app", "acme")), 401),
        ("another's tenant", sign(1, &head, &claims(ISSUER, "app", "bolt")), 403),
        ("a tenant that is none", sign(1, &head, &claims(ISSUER, "app", "nobody")), 403),
    ] {
        let line = format!("Authorization: Bearer {token}");
        for _ in 0..2 {
            let (answer, received) = scene.get("acme.example.com", "/api/x", &[&line]);
            assert_eq!((answer.status, received.len()), (status, usize::from(status == 200)), "{why}: {answer:?}");
        }
    }
}

#[test]
fn h23_who_is_suspended_is_out_at_once() {
    let scene = Scene::new();
    let (token, key) = (bearer("acme"), format!("X-Api-Key: {ACME_KEY}"));
    for line in [&token, &key] {
        assert_eq!(scene.get("gateway.internal", "/api/x", &[line]).0.status, 200);
    }
    scene.suspend(&["acme"]);
    for line in [&token, &key] {
        assert_eq!(scene.get("gateway.internal", "/api/x", &[line]).0.status, 403);
    }
}

#[test]
fn h24_a_remembered_key_is_still_of_its_tenant_only() {
    let scene = Scene::new();
    let key = format!("X-Api-Key: {ACME_KEY}");
    for _ in 0..2 {
        assert_eq!(scene.get("bolt.example.com", "/api/x", &[&key]).0.status, 403, "cold and warm");
        assert_eq!(scene.get("acme.example.com", "/api/x", &[&key]).0.status, 200);
        assert_eq!(scene.get("acme.example.com", "/api/x", &[&key, "X-Tenant-ID: bolt"]).0.status, 403);
    }
}

#[test]
fn h25_a_key_is_the_whole_key() {
    let scene = Scene::new();
    let other_secret = ACME_KEY.replace("0123", "0124");
    let other_id = format!("tnt_live_aaaa_{}", BOLT_KEY.rsplit('_').next().unwrap());
    for key in [&ACME_KEY[..ACME_KEY.len() - 1], "tnt_live_aaaa_", "tnt_live_%_x", "", "abc%", &other_secret, &other_id]
    {
        let (answer, received) = scene.get("acme.example.com", "/api/x", &[&format!("X-Api-Key: {key}")]);
        assert_eq!((answer.status, received.len()), (401, 0), "{key}: {answer:?}");
    }
    let (answer, _) = scene.get("acme.example.com", "/api/x", &[&bearer("acme"), &format!("X-Api-Key: {ACME_KEY}")]);
    assert_eq!(answer.status, 401, "two credentials are nobody's guess");
}
