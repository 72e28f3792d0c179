//! Support access: asked for, agreed to, used, seen, ended.

use serde_json::json;

use crate::scene::{Answer, Scene, token};

#[tokio::test]
async fn h43_the_platform_looks_inside_with_consent_alone_and_is_seen() {
    let scene = Scene::new("support").await;
    let (tenant, other) = (scene.tenant("acme").await, scene.tenant("other").await);
    let place = format!("/api/tenants/{tenant}");
    // as long as there is nobody to ask, the platform sets the tenant up
    scene.operate("GET", &format!("{place}/audit")).send().await.is(200);
    scene.member(&tenant, "ada", "Admin").await;
    scene.member(&other, "eve", "Admin").await;
    let ada = token("ada", &json!({}));
    let inside = ["audit", "members", "keys", "invitations"];
    for path in inside {
        let answer = scene.operate("GET", &format!("{place}/{path}")).send().await;
        assert_eq!(answer.is(403).code(), "SUPPORT_CONSENT_REQUIRED", "{path}");
    }
    // what the platform knows of a tenant is no secret to it
    scene.operate("GET", &place).send().await.is(200);

    let ask = |body: serde_json::Value| scene.operate("POST", &format!("{place}/support")).json(&body).send();
    ask(json!({ "reason": "x" })).await.is(400);
    ask(json!({ "reason": "ticket 4711: no mail", "seconds": 10 })).await.is(400);
    let asked = ask(json!({ "reason": "ticket 4711: no mail", "seconds": 600 })).await;
    assert_eq!(asked.is(201).text("status"), "asked");
    let support = format!("{place}/support/{}", asked.text("id"));
    scene.operate("GET", &format!("{place}/audit")).send().await.is(403);
    // neither whoever asks nor a key says yes, nor somebody of another tenant
    let (_, other_key) = scene.key(&scene.tenant("third").await, "Admin").await;
    let consent = |credential: &str| {
        let call = scene.call("POST", &format!("{support}/consent")).key(credential);
        async move { call.send().await }
    };
    consent(&scene.operator).await.is(403);
    consent(&other_key).await.is(404);
    consent(&token("eve", &json!({}))).await.is(404);
    let body = json!({ "name": "k", "role": "Admin" });
    let key = scene.call("POST", &format!("{place}/keys")).key(&ada).json(&body).send().await.is(201).text("key");
    consent(&key).await.is(403);
    assert_eq!(consent(&ada).await.is(200).text("status"), "granted");
    assert_eq!(consent(&ada).await.is(409).code(), "STATE_CONFLICT");

    for path in inside {
        scene.operate("GET", &format!("{place}/{path}")).send().await.is(200);
    }
    // it lets look, change nothing, and is for this tenant
    let answer = scene.operate("POST", &format!("{place}/keys")).json(&body).send().await;
    assert_eq!(answer.is(403).code(), "SUPPORT_CONSENT_REQUIRED");
    scene.operate("GET", &format!("/api/tenants/{other}/members")).send().await.is(403);
    let seen = scene.call("GET", &format!("{place}/audit?action=WORKSPACE_ACCESS")).key(&ada).send().await;
    let entries = seen.is(200).body["items"].as_array().unwrap().clone();
    assert_eq!(entries.len(), inside.len());
    for entry in &entries {
        assert_eq!(entry["actor"]["support"]["reason"], "ticket 4711: no mail", "{entry}");
        assert!(entry["metadata"]["request"].as_str().unwrap().starts_with("GET /api/tenants/"), "{entry}");
    }
    // another operator has no part in it
    let body = json!({ "issuer": crate::scene::ISSUER, "subject": "op", "platformRole": "Operator" });
    scene.operate("POST", "/api/users").json(&body).send().await.is(201);
    let op = token("op", &json!({}));
    scene.call("GET", &format!("{place}/members")).key(&op).send().await.is(403);

    let end = scene.call("POST", &format!("{support}/end")).key(&ada).send().await;
    assert_eq!(end.is(200).text("status"), "ended");
    scene.operate("GET", &format!("{place}/audit")).send().await.is(403);
    // and it ends by itself
    let again = ask(json!({ "reason": "ticket 4711, once more" })).await.is(201).text("id");
    let path = format!("{place}/support/{again}/consent");
    scene.call("POST", &path).key(&ada).send().await.is(200);
    scene.operate("GET", &format!("{place}/members")).send().await.is(200);
    scene
        .database
        .execute("UPDATE tenantry_control.support_access SET expires_at = now() WHERE status = 'granted'")
        .await;
    scene.operate("GET", &format!("{place}/members")).send().await.is(403);
    let list: Answer = scene.call("GET", &format!("{place}/support")).key(&ada).send().await;
    let states: Vec<_> = list.is(200).body["items"].as_array().unwrap().iter().map(|s| s["status"].clone()).collect();
    assert_eq!(states, ["expired", "ended"]);
    let refused = ask(json!({ "reason": "ticket 4712: a look" })).await.is(201).text("id");
    let refuse = scene.call("POST", &format!("{place}/support/{refused}/refuse")).key(&ada).send().await;
    assert_eq!(refuse.is(200).text("status"), "refused");
    let absent = format!("{place}/support/0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d/refuse");
    scene.call("POST", &absent).key(&ada).send().await.is(404);
}
