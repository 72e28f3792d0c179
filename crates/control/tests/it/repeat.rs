//! Requests that are sent twice, versions, and pages.

use serde_json::{Value, json};

use crate::scene::Scene;

#[tokio::test]
async fn the_same_post_is_done_once() {
    let scene = Scene::new("once").await;
    let body = json!({ "name": "Acme", "slug": "acme" });
    let send = |body: Value| scene.operate("POST", "/api/tenants").header("idempotency-key", "k1").json(&body).send();
    // at the same time: one does it, the other waits for its answer
    let (first, second) = tokio::join!(send(body.clone()), send(body.clone()));
    assert_eq!((first.is(201).text("id"), first.etag()), (second.is(201).text("id"), second.etag()));
    let replayed = |a: &crate::scene::Answer| a.headers.contains_key("idempotency-replayed");
    assert_ne!(replayed(&first), replayed(&second));
    assert_eq!(send(json!({ "name": "Other", "slug": "other" })).await.is(422).code(), "IDEMPOTENCY_KEY_REUSED");
    // what failed is not kept, and the key is free for the next try
    let wrong = scene.operate("POST", "/api/tenants").header("idempotency-key", "k2");
    wrong.json(&json!({ "name": "x", "slug": "acme" })).send().await.is(409);
    let right = scene.operate("POST", "/api/tenants").header("idempotency-key", "k2");
    right.json(&json!({ "name": "x", "slug": "x-two" })).send().await.is(201);
}

#[tokio::test]
async fn a_key_is_not_shown_again_by_repeating_the_request() {
    let scene = Scene::new("shown").await;
    let tenant = scene.tenant("acme").await;
    let path = format!("/api/tenants/{tenant}/keys");
    let send = || {
        let body = json!({ "name": "k", "role": "Viewer" });
        scene.operate("POST", &path).header("idempotency-key", "k").json(&body).send()
    };
    let (first, second) = (send().await, send().await);
    assert!(first.is(201).body["key"].is_string());
    assert_eq!((second.is(201).text("id"), &second.body["key"]), (first.text("id"), &Value::Null));
}

#[tokio::test]
async fn a_change_needs_the_version_it_means() {
    let scene = Scene::new("etag").await;
    let place = format!("/api/tenants/{}", scene.tenant("acme").await);
    let change = json!({ "name": "New" });
    let missing = scene.operate("PATCH", &place).json(&change).send().await;
    assert_eq!(missing.is(428).code(), "PRECONDITION_REQUIRED");
    let tag = scene.operate("GET", &place).send().await.etag();
    scene.operate("PATCH", &place).header("if-match", &tag).json(&change).send().await.is(200);
    let stale = scene.operate("PATCH", &place).header("if-match", &tag).json(&change).send().await;
    assert_eq!(stale.is(412).code(), "STALE");
    scene.operate("DELETE", &place).header("if-match", &tag).send().await.is(412);
}

#[tokio::test]
async fn pages_show_everything_once_and_tokens_are_nobody_elses() {
    let scene = Scene::new("pages").await;
    for n in 0..7 {
        scene.tenant(&format!("tenant-{}", ["a", "b", "c", "d", "e", "f", "g"][n])).await;
    }
    let mut seen = Vec::new();
    let mut path = "/api/tenants?pageSize=3".to_owned();
    loop {
        let page = scene.operate("GET", &path).send().await;
        seen.extend(page.is(200).body["items"].as_array().unwrap().iter().map(|t| t["slug"].to_string()));
        let Some(token) = page.body["nextPageToken"].as_str() else { break };
        path = format!("/api/tenants?pageSize=3&pageToken={token}");
        let other = scene.operate("GET", &format!("{path}&status=active")).send().await;
        assert_eq!(other.is(400).body["errors"][0]["field"], "pageToken");
    }
    assert_eq!(seen.len(), 7);
    for (filter, count) in [
        ("search=tenant", 7),
        ("search=TENANT-c", 1),
        ("search=nobody", 0),
        ("status=suspended", 0),
        ("plan=free&type=Parent", 7),
    ] {
        let found = scene.operate("GET", &format!("/api/tenants?{filter}")).send().await;
        assert_eq!(found.is(200).body["items"].as_array().unwrap().len(), count, "{filter}");
    }
}
