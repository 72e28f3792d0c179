//! What does not fit is refused, and the field at fault is named.

use serde_json::json;
use tenantry_control::BODY_BYTES_MAX;

use crate::scene::Scene;

#[tokio::test]
async fn bodies_that_do_not_fit() {
    let scene = Scene::new("input").await;
    for (body, field) in [
        (r#"{"name": 1, "slug": "ab"}"#.to_owned(), "name"),
        (r#"{"name": "x", "slug": "ab", "tenantId": "x"}"#.to_owned(), "tenantId"),
        (r#"{"name": "x", "slug": "ab", "status": "active"}"#.to_owned(), "status"),
        (r#"{"name": "x", "slug": "ab", "contact": {"phone": "1"}}"#.to_owned(), "contact.phone"),
        (r#"{"name": "x", "name": "y", "slug": "ab"}"#.to_owned(), "name"),
        (r#"{"slug": "ab"}"#.to_owned(), "body"),
        ("[]".to_owned(), "body"),
        ("{".to_owned(), "body"),
        (r#"{"name": "x", "slug": "ab"} {}"#.to_owned(), "body"),
        (json!({ "name": "", "slug": "ab" }).to_string(), "name"),
        (json!({ "name": "x\u{7}", "slug": "ab" }).to_string(), "name"),
        (json!({ "name": "x", "slug": "аcme" }).to_string(), "slug"),
        (json!({ "name": "x", "slug": "admin" }).to_string(), "slug"),
        (json!({ "name": "x", "slug": "ab", "contact": { "email": "no" } }).to_string(), "contact.email"),
        (json!({ "name": "x", "slug": "ab", "parentId": "no" }).to_string(), "parentId"),
        (json!({ "name": "x", "slug": "ab", "type": "King" }).to_string(), "type"),
        (json!({ "name": "x", "slug": "ab", "subscription": { "plan": "a b" } }).to_string(), "subscription.plan"),
        (json!({ "name": "x", "slug": "ab", "externalId": "" }).to_string(), "externalId"),
    ] {
        let answer = scene.operate("POST", "/api/tenants").raw(body.clone()).send().await;
        assert_eq!(answer.is(400).code(), "INVALID_REQUEST", "{body}");
        let named = answer.body["errors"][0]["field"].as_str().unwrap();
        assert!(named == field || answer.body["detail"].as_str().unwrap().contains(field), "{body}: {:?}", answer.body);
    }
    let huge = format!("{{\"name\": \"{}\"}}", "x".repeat(BODY_BYTES_MAX));
    scene.operate("POST", "/api/tenants").raw(huge).send().await.is(413);
    let dear = json!({ "name": "x", "slug": "ab", "isolationStrategy": "database" });
    assert_eq!(scene.operate("POST", "/api/tenants").json(&dear).send().await.is(422).code(), "STRATEGY_UNAVAILABLE");
    let count = scene.operate("GET", "/api/tenants").send().await;
    assert_eq!(count.body["items"], json!([]), "nothing was made");
}

#[tokio::test]
async fn what_the_database_cannot_keep_is_the_callers_matter() {
    let scene = Scene::new("nul").await;
    let place = format!("/api/tenants/{}", scene.tenant("acme").await);
    let key = json!({ "name": "a\0b", "role": "Viewer" });
    scene.operate("POST", &format!("{place}/keys")).json(&key).send().await.is(400);
    let why = json!({ "reason": "a\0b" });
    scene.operate("POST", &format!("{place}/suspend")).json(&why).send().await.is(400);
    scene.operate("GET", &format!("{place}/audit?action=%00")).send().await.is(400);
}

#[tokio::test]
async fn names_that_are_taken_or_look_alike() {
    let scene = Scene::new("alike").await;
    let body = json!({ "name": "x", "slug": "paypal", "externalId": "e" });
    scene.operate("POST", "/api/tenants").json(&body).send().await.is(201);
    for slug in ["paypal", "paypa1", "paypai"] {
        let body = json!({ "name": "x", "slug": slug });
        assert_eq!(scene.operate("POST", "/api/tenants").json(&body).send().await.is(409).code(), "SLUG_TAKEN");
    }
    let body = json!({ "name": "x", "slug": "another", "externalId": "e" });
    assert_eq!(scene.operate("POST", "/api/tenants").json(&body).send().await.is(409).code(), "DUPLICATE");
}

#[tokio::test]
async fn paths_headers_and_queries_that_do_not_fit() {
    let scene = Scene::new("heads").await;
    let (a, b) = (scene.tenant("aa").await, scene.tenant("bb").await);
    let (_, key) = scene.key(&a, "Admin").await;
    for bad in ["no", "0a1b2c3d4e5f4a6b8c7d9e0f1a2b3c4d", "%00", "{0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d}"] {
        let bad = bad.replace('{', "%7B").replace('}', "%7D");
        scene.operate("GET", &format!("/api/tenants/{bad}")).send().await.is(400);
    }
    // absent and another's: the same answer
    let absent = scene.call("GET", "/api/tenants/0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d").key(&key).send().await;
    let foreign = scene.call("GET", &format!("/api/tenants/{b}")).key(&key).send().await;
    assert_eq!((absent.is(404).code(), absent.text("detail")), (foreign.is(404).code(), foreign.text("detail")));

    let place = format!("/api/tenants/{a}");
    for header in ["X-Tenant-ID", "x-workspace-id", "X-TENANT"] {
        let contradicts = scene.call("GET", &place).key(&key).header(header, &b).send().await;
        assert_eq!(contradicts.is(403).code(), "TENANT_CONTRADICTION");
        scene.call("GET", &place).key(&key).header(header, &a).send().await.is(200);
    }
    let two = scene.call("GET", &place).key(&key).header("x-tenant-id", &a).header("x-workspace-id", &b);
    two.send().await.is(403);
    scene.call("GET", &place).key(&key).header("x-tenant-id", "no").send().await.is(400);
    // no path names a tenant: the key does, an operator must
    assert_eq!(scene.call("GET", "/api/tenant").key(&key).send().await.is(200).text("id"), a);
    assert_eq!(scene.operate("GET", "/api/tenant").send().await.is(400).code(), "TENANT_MISSING");
    assert_eq!(scene.operate("GET", "/api/workspace").header("x-tenant-id", &b).send().await.is(200).text("id"), b);
    scene.call("GET", "/api/tenant").key(&key).header("x-tenant-id", &b).send().await.is(404);

    for query in ["pageSize=0", "pageSize=201", "pageSize=x", "pageToken=x", "tenant=x", "search=%20", "parentId=x"] {
        scene.operate("GET", &format!("/api/tenants?{query}")).send().await.is(400);
    }
    scene.operate("GET", "/api/nothing").send().await.is(404);
    scene.operate("PUT", "/api/tenants").send().await.is(405);
    let plain = scene.operate("POST", "/api/tenants").header("content-type", "text/plain");
    scene.call("GET", "/health").send().await.is(200);
    scene.call("GET", "/ready").send().await.is(200);
    scene.call("GET", "/openapi.json").send().await.is(200);
    drop(plain);
}
