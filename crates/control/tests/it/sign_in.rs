//! Signing in: tokens that count, tokens that do not, tokens for one tenant, and the three ways of use.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::Request;
use serde_json::{Value, json};
use tenantry_control::{Control, Mode, SignIn};
use tenantry_issuer::{IssuerParts, IssuerSettings, KeySource};
use tower::ServiceExt;

use crate::scene::{ISSUER, OTHER_ISSUER, Scene, sign, token, two_issuers};

#[tokio::test]
async fn a_sign_in_stands_in_the_log_once_and_can_be_ended() {
    let scene = Scene::new("signin").await;
    let tenant = scene.tenant("acme").await;
    scene.member(&tenant, "ada", "Admin").await;
    let place = format!("/api/tenants/{tenant}");
    let (first, second) = (token("ada", &json!({ "jti": "1" })), token("ada", &json!({ "jti": "2" })));
    for credential in [&first, &first, &second, &first] {
        scene.call("GET", &place).key(credential).send().await.is(200);
    }
    let logins = scene.actions("USER_LOGIN", 2).await;
    assert_eq!(logins.len(), 2, "{logins:?}");
    assert_eq!((logins[0].1.as_deref(), &logins[0].2["actor"]["type"]), (Some(&*tenant), &json!("user")));
    scene.call("POST", "/api/logout").key(&first).send().await.is(204);
    scene.call("GET", &place).key(&first).send().await.is(401);
    scene.call("GET", &place).key(&second).send().await.is(200);
    assert_eq!(scene.actions("USER_LOGOUT", 1).await.len(), 1);
    let (_, key) = scene.key(&scene.tenant("other").await, "Admin").await;
    assert_eq!(scene.call("POST", "/api/logout").key(&key).send().await.is(409).code(), "STATE_CONFLICT");
}

#[tokio::test]
async fn h18_to_h21_tokens_that_do_not_count_are_one_failed_sign_in_each() {
    let scene = Scene::new("badtoken").await;
    let tenant = scene.tenant("acme").await;
    scene.member(&tenant, "ada", "Admin").await;
    let claims = |more: Value| {
        let mut claims = json!({ "iss": ISSUER, "aud": "tenantry", "exp": 4_000_000_000_u64, "sub": "ada" });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    let good = sign(1, &claims(json!({})));
    let (head, rest) = good.split_once('.').unwrap();
    let none = format!("{}.{}.", "eyJhbGciOiJub25lIn0", rest.split('.').next().unwrap());
    let bad = [
        sign(2, &claims(json!({}))),
        // another issuer's own key id and key do not speak for this one
        sign(1, &claims(json!({ "iss": OTHER_ISSUER }))),
        sign(1, &claims(json!({ "iss": "https://id.test/" }))),
        sign(1, &claims(json!({ "aud": "app" }))),
        sign(1, &claims(json!({ "exp": 1 }))),
        sign(1, &claims(json!({ "nbf": 3_999_999_999_u64 }))),
        sign(1, &claims(json!({ "sub": "" }))),
        sign(1, &claims(json!({ "sub": "x".repeat(256) }))),
        sign(1, &claims(json!({ "sub": 7 }))),
        sign(1, &claims(json!({ "tenant": ["acme"] }))),
        none,
        format!("{head}.{rest}x"),
        "a.b.c".to_owned(),
        "x".repeat(9_000),
    ];
    let path = format!("/api/tenants/{tenant}");
    for credential in bad.iter().chain(&bad) {
        let answer = scene.call("GET", &path).key(credential).send().await;
        assert_eq!(answer.is(401).headers["www-authenticate"], "Bearer", "{credential}");
    }
    scene.call("GET", &path).key(&good).send().await.is(200);
    let failed = scene.actions("USER_LOGIN_FAILED", bad.len()).await;
    assert_eq!(failed.len(), bad.len(), "twice is once");
    assert!(failed.iter().all(|f| f.2["actor"]["type"] == "anonymous"));
}

#[tokio::test]
async fn a_token_for_a_tenant_is_for_that_one_alone() {
    let scene = Scene::new("claim").await;
    let (a, b) = (scene.tenant("aa").await, scene.tenant("bb").await);
    for tenant in [&a, &b] {
        scene.member(tenant, "ada", "Admin").await;
    }
    let get = |path: String, credential: String| {
        let scene = &scene;
        async move { scene.call("GET", &path).key(&credential).send().await }
    };
    for named in ["aa", &a] {
        let ada = token("ada", &json!({ "tenant": named }));
        get(format!("/api/tenants/{a}"), ada.clone()).await.is(200);
        assert_eq!(get("/api/tenant".into(), ada.clone()).await.is(200).text("id"), a);
        // what it is told depends on the token alone, not on what there is
        for path in [&b, "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"] {
            let answer = get(format!("/api/tenants/{path}"), ada.clone()).await;
            assert_eq!(answer.is(403).code(), "TENANT_CONTRADICTION");
        }
        let headed = scene.call("GET", "/api/tenant").key(&ada).header("x-tenant-id", &b);
        headed.send().await.is(403);
    }
    // a tenant that is not his: as if it were not there, and no other either
    let c = scene.tenant("cc").await;
    let ada = token("ada", &json!({ "tenant": c }));
    get(format!("/api/tenants/{c}"), ada.clone()).await.is(404);
    get(format!("/api/tenants/{a}"), ada.clone()).await.is(403);
    get("/api/tenant".into(), ada).await.is(404);
    // an operator's token for a tenant is no token for the platform
    let body = json!({ "issuer": ISSUER, "subject": "op", "platformRole": "Operator" });
    scene.operate("POST", "/api/users").json(&body).send().await.is(201);
    get("/api/users".into(), token("op", &json!({}))).await.is(200);
    get("/api/users".into(), token("op", &json!({ "tenant": "aa" }))).await.is(403);
    // each stands in the platform's log, and the same of the same user once a minute
    let attempts = scene.actions("UNAUTHORIZED_ACCESS_ATTEMPT", 3).await;
    assert!(attempts.iter().all(|a| a.1.is_none() && a.2["actor"]["type"] == "user"), "{attempts:?}");
    let denied = scene.actions("WORKSPACE_ACCESS_DENIED", 1).await;
    assert_eq!(denied[0].2["targets"][0]["id"], *c);
}

#[tokio::test]
async fn l01_l02_a_member_of_a_suspended_or_deleted_tenant_waits() {
    let scene = Scene::new("asleep").await;
    let (a, b) = (scene.tenant("aa").await, scene.tenant("bb").await);
    for tenant in [&a, &b] {
        scene.member(tenant, "ada", "Admin").await;
    }
    let (ada, place) = (token("ada", &json!({})), format!("/api/tenants/{a}"));
    let get = |path: &str| scene.call("GET", path).key(&ada).send();
    scene.operate("POST", &format!("{place}/suspend")).send().await.is(200);
    assert_eq!(get(&place).await.is(403).code(), "TENANT_SUSPENDED");
    get(&format!("/api/tenants/{b}")).await.is(200);
    scene.operate("POST", &format!("{place}/resume")).send().await.is(200);
    let tag = get(&place).await.is(200).etag();
    scene.operate("DELETE", &place).header("if-match", &tag).send().await.is(200);
    get(&place).await.is(404);
}

#[tokio::test]
async fn a_control_plane_for_one_tenant_is_told_no_tenant() {
    let sign_in = SignIn { mode: Mode::SingleTenant("acme".into()), ..two_issuers() };
    let scene = Scene::with("single", sign_in).await;
    assert_eq!(scene.operate("GET", "/api/tenant").send().await.is(400).code(), "TENANT_MISSING");
    let body = json!({ "name": "b", "slug": "bolt" });
    assert_eq!(scene.operate("POST", "/api/tenants").json(&body).send().await.is(409).code(), "STATE_CONFLICT");
    let tenant = scene.tenant("acme").await;
    scene.member(&tenant, "ada", "Viewer").await;
    for credential in [&scene.operator, &token("ada", &json!({}))] {
        assert_eq!(scene.call("GET", "/api/tenant").key(credential).send().await.is(200).text("id"), tenant);
    }
    scene.call("GET", "/api/tenant").key(&token("eve", &json!({}))).send().await.is(404);
    let elsewhere = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";
    scene.operate("GET", &format!("/api/tenants/{elsewhere}")).send().await.is(404);
    scene.operate("GET", "/api/tenant").header("x-tenant-id", elsewhere).send().await.is(404);
}

#[tokio::test]
async fn whoever_is_here_is_the_operator_where_nobody_is_asked() {
    let scene = Scene::with("anonymous", SignIn { mode: Mode::Anonymous, issuers: Vec::new() }).await;
    let from = |peer: Option<&str>, host: &str| {
        let mut request = Request::get("/api/tenants").header("host", host);
        if let Some(peer) = peer {
            request = request.extension(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        }
        let sent = scene.router.clone().oneshot(request.body(axum::body::Body::empty()).unwrap());
        async move { sent.await.unwrap().status().as_u16() }
    };
    assert_eq!(from(Some("127.0.0.1:9"), "localhost:8090").await, 200);
    for (peer, host) in [(Some("10.0.0.7:9"), "localhost"), (Some("127.0.0.1:9"), "evil.example"), (None, "localhost")]
    {
        assert_eq!(from(peer, host).await, 401, "{peer:?} {host}");
    }
    // beyond this machine it does not serve at all
    let control = Control::start(scene.settings.clone()).await.unwrap();
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    assert!(control.serve(listener, std::future::pending()).await.is_err());
    // and in no other way of use is anybody the operator for being here
    let scene = Scene::new("named").await;
    let request = Request::get("/api/tenants").header("host", "localhost");
    let request = request.extension(ConnectInfo("127.0.0.1:9".parse::<SocketAddr>().unwrap()));
    let answer = scene.router.clone().oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn h41_without_the_issuers_keys_nobody_is_let_in_and_it_is_said() {
    let parts = IssuerParts {
        issuer: ISSUER.into(),
        audiences: vec!["tenantry".into()],
        algorithms: vec!["EdDSA".into()],
        // nothing listens there
        source: KeySource::Url("http://127.0.0.1:1/keys".into()),
        tenant_claims: Vec::new(),
        tenant: None,
        token_type: None,
        client: None,
    };
    let issuers = vec![Arc::new(IssuerSettings::new(parts).unwrap())];
    let scene = Scene::with("nokeyset", SignIn { mode: Mode::MultiTenant, issuers }).await;
    let answer = scene.call("GET", "/api/me").key(&token("ada", &json!({}))).send().await;
    assert_eq!(answer.is(503).code(), "IDENTITY_UNAVAILABLE");
    scene.operate("GET", "/api/me").send().await.is(200);
}

#[tokio::test]
async fn h19_an_issuer_of_one_tenant_speaks_for_that_one() {
    let x = crate::scene::public(9);
    let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x }] });
    let parts = IssuerParts {
        issuer: "https://of-aa.test".into(),
        audiences: vec!["tenantry".into()],
        algorithms: vec!["EdDSA".into()],
        source: KeySource::Set(set.to_string()),
        tenant_claims: vec!["tenant".into()],
        tenant: Some("aa".into()),
        token_type: None,
        client: None,
    };
    let issuers = vec![Arc::new(IssuerSettings::new(parts).unwrap())];
    let scene = Scene::with("bound", SignIn { mode: Mode::MultiTenant, issuers }).await;
    let (a, b) = (scene.tenant("aa").await, scene.tenant("bb").await);
    for tenant in [&a, &b] {
        let body = json!({ "subject": "ada", "role": "Admin" });
        scene.operate("POST", &format!("/api/tenants/{tenant}/members")).json(&body).send().await.is(201);
    }
    let claims = json!({ "iss": "https://of-aa.test", "aud": "tenantry", "exp": 4_000_000_000_u64, "sub": "ada" });
    let mut lie = claims.clone();
    lie["tenant"] = json!("bb");
    let get = |tenant: &str, claims: &Value| {
        let call = scene.call("GET", &format!("/api/tenants/{tenant}")).key(&sign(9, claims));
        async move { call.send().await }
    };
    get(&a, &claims).await.is(200);
    assert_eq!(get(&b, &claims).await.is(403).code(), "TENANT_CONTRADICTION");
    get(&b, &lie).await.is(401);
}
