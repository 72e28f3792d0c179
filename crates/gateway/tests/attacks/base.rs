//! What the gateway is for: requests come through whole, with the tenant on them, and answers come back whole.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::Value;

use crate::scene::{ACME_KEY, Scene, bearer, get};

#[test]
fn the_tenant_of_a_host_a_domain_a_token_and_a_key() {
    let scene = Scene::new();
    let key = format!("X-Api-Key: {ACME_KEY}");
    let key_as_token = format!("Authorization: Bearer {ACME_KEY}");
    let token = bearer("acme");
    for (host, path, lines) in [
        ("acme.example.com", "/x", &[][..]),
        ("ACME.example.com.:8080", "/x", &[]),
        ("shop.acme.com", "/x", &[]),
        ("gateway.internal", "/api/x", &[&*token]),
        ("127.0.0.1", "/api/x", &[&*token]),
        ("gateway.internal", "/api/x", &[&*key]),
        ("gateway.internal", "/api/x", &[&*key_as_token]),
        ("acme.example.com", "/api/x", &[&*token, "X-Tenant-ID: 1", "X-Workspace-Id: acme"]),
        ("gateway.internal", "/query/x?a=b&tenantId=acme", &[]),
    ] {
        let (answer, received) = scene.get(host, path, lines);
        assert_eq!((answer.status, received.len()), (200, 1), "{host} {path} {lines:?}: {answer:?}");
        assert_eq!(received[0].one("x-tenant-id"), "1");
        assert_eq!(received[0].target(), path);
        assert!(received[0].all("x-api-key").is_empty(), "keys are not passed on");
        assert!(!received[0].head.contains("tnt_live"), "{}", received[0].head);
    }
    let (_, received) = scene.get("acme.example.com", "/x", &["Accept: a/b", "Cookie: c=d", "Authorization: Basic x"]);
    for (name, value) in
        [("accept", "a/b"), ("cookie", "c=d"), ("authorization", "Basic x"), ("host", "acme.example.com")]
    {
        assert_eq!(received[0].one(name), value);
    }
}

#[test]
fn the_context_is_signed_for_this_request() {
    let scene = Scene::new();
    let (answer, _) = scene.get("acme.example.com", "/.well-known/jwks.json", &[]);
    let set: JwkSet = serde_json::from_str(&answer.body).unwrap();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (answer, received) = scene.get("acme.example.com", "/api/x?q=1", &[&bearer("acme")]);
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&["application"]);
        validation.set_issuer(&["gateway"]);
        let context = received[0].one("x-tenantry-context");
        let claims =
            decode::<Value>(context, &DecodingKey::from_jwk(&set.keys[0]).unwrap(), &validation).unwrap().claims;
        for (name, value) in [
            ("tenant", "1"),
            ("slug", "acme"),
            ("method", "GET"),
            ("path", "/api/x"),
            ("source", "token"),
            ("sub", "u1"),
        ] {
            assert_eq!(claims[name], value, "{claims}");
        }
        assert_eq!(claims["proven"], true);
        assert_eq!(claims["jti"], received[0].one("x-request-id"));
        assert_eq!(answer.header("x-request-id"), claims["jti"].as_str());
        ids.push(claims["jti"].clone());
    }
    assert_ne!(ids[0], ids[1]);
    let (_, received) = scene.get("acme.example.com", "/x", &[]);
    let context = received[0].one("x-tenantry-context");
    let payload = URL_SAFE_NO_PAD.decode(context.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!((&claims["source"], &claims["proven"]), (&"host".into(), &false.into()));
    let (_, received) = scene.get("acme.example.com", "/public/x", &[]);
    assert!(received[0].all("x-tenant-id").is_empty() && received[0].all("x-tenantry-context").is_empty());
}

#[test]
fn bodies_of_all_kinds_come_through_whole() {
    let scene = Scene::new();
    let mut client = scene.client();
    let large = "0123456789".repeat(100_000);
    for round in 0..3 {
        client.send("POST /x HTTP/1.1\r\nHost: acme.example.com\r\nContent-Length: 5\r\n\r\nhello");
        assert_eq!(client.answer().status, 200);
        client
            .send("POST /x HTTP/1.1\r\nHost: acme.example.com\r\nTransfer-Encoding: chunked\r\n\r\n5;ext\r\nhello\r\n");
        client.send("6\r\n world\r\n0\r\nTrailer: x\r\n\r\n");
        assert_eq!(client.answer().status, 200);
        client.send(format!("PUT /x HTTP/1.1\r\nHost: acme.example.com\r\nContent-Length: {}\r\n\r\n", large.len()));
        client.send(&large);
        assert_eq!(client.answer().status, 200, "round {round}");
        let bodies: Vec<_> = scene.application.take().into_iter().map(|r| r.body).collect();
        assert_eq!(bodies, [b"hello".to_vec(), b"hello world".to_vec(), large.clone().into_bytes()]);
    }
    client.send("POST /x HTTP/1.1\r\nHost: acme.example.com\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert!(client.until(b"\r\n\r\n").unwrap().starts_with("HTTP/1.1 100 "));
    client.send("hello");
    assert_eq!(client.answer().status, 200);
}

#[test]
fn answers_of_all_kinds_come_back_whole() {
    let scene = Scene::new();
    let mut client = scene.client();
    for _ in 0..3 {
        client.send(get("acme.example.com", "/chunks", &[]));
        assert_eq!(client.answer().body, "hello world");
        client.send(get("acme.example.com", "/until-close", &[]));
        assert_eq!(client.answer().body, "until the end");
        client.send("HEAD /x HTTP/1.1\r\nHost: acme.example.com\r\n\r\n");
        assert!(client.answer_to("HEAD").header("content-length").is_some());
        // two at once
        client.send(format!("{}{}", get("acme.example.com", "/1", &[]), get("shop.bolt.com", "/2", &[])));
        assert!(client.answer().body.starts_with("tenant=1\n"));
        assert!(client.answer().body.starts_with("tenant=2\n"));
    }
    client.send("GET /chunks HTTP/1.0\r\nHost: acme.example.com\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.body.as_str(), answer.header("transfer-encoding")), ("hello world", None));
    let (answer, _) = scene.get("acme.example.com", "/rubbish", &[]);
    assert_eq!((answer.status, answer.code().as_str()), (502, "UPSTREAM_UNAVAILABLE"));
    let (answer, _) = scene.get("acme.example.com", "/silent", &[]);
    assert_eq!(answer.status, 502);
}

#[test]
fn what_is_wrong_is_told_as_a_problem() {
    let scene = Scene::new();
    let suspended = |slug| {
        scene.suspend(&[slug]);
        scene.get(&format!("{slug}.example.com"), "/x", &[])
    };
    let cases = [
        (scene.get("gateway.internal", "/x", &[]), 400, "TENANT_REQUIRED"),
        (scene.get("nobody.example.com", "/x", &[]), 404, "TENANT_UNKNOWN"),
        (scene.get("shop.nobody.com", "/x", &[]), 404, "TENANT_UNKNOWN"),
        (scene.get("bolt.example.com", "/api/x", &[&bearer("acme")]), 403, "TENANT_CONFLICT"),
        (scene.get("acme.example.com", "/api/x", &[]), 401, "CREDENTIAL_REQUIRED"),
        (scene.get("acme.example.com", "/api/x", &["Authorization: Bearer x.y.z"]), 401, "CREDENTIAL_REFUSED"),
        (suspended("acme"), 403, "TENANT_SUSPENDED"),
    ];
    for ((answer, received), status, code) in cases {
        assert_eq!((answer.status, answer.code().as_str(), received.len()), (status, code, 0), "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert!(answer.header("x-request-id").is_some());
    }
}
