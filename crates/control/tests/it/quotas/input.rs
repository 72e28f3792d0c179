//! What does not fit is refused, and the field at fault is named; another's id gets the same answer as one of nobody.

use serde_json::{Value, json};

use crate::application::Application;
use crate::scene::Scene;

const NOBODY: &str = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";

#[tokio::test]
async fn bodies_that_do_not_fit() {
    let app = Application::new("quotainputapp").await;
    let scene = Scene::with_application("quotainput", Some(app.login.clone())).await;
    let tenant = scene.tenant("acme").await;
    scene.control.keep_quotas().await.unwrap();
    let place = format!("/api/tenants/{tenant}/quota");
    let big = 1_000_000_000_000_000_001_i64;
    for (method, path, body, field) in [
        ("PUT", "", json!({}), "body"),
        ("PUT", "", json!([]), "body"),
        ("PUT", "", json!({ "maxSegments": -1 }), "maxSegments"),
        ("PUT", "", json!({ "maxSegments": 1.5 }), "maxSegments"),
        ("PUT", "", json!({ "maxSegments": "5" }), "maxSegments"),
        ("PUT", "", json!({ "maxSegments": big }), "maxSegments"),
        ("PUT", "", json!({ "maxSegments": 18_446_744_073_709_551_615_u64 }), "maxSegments"),
        ("PUT", "", json!({ "maxSegments": 5, "maxNothing": 1 }), "maxNothing"),
        ("PUT", "", json!({ "segments": 5 }), "segments"),
        ("PUT", "", json!({ "maxSegments": 5, "workspaceId": NOBODY }), "workspaceId"),
        ("PUT", "", json!({ "maxSegments": 5, "id": NOBODY }), "id"),
        ("DELETE", "?resource=nothing", json!({}), "resource"),
        ("DELETE", "?resource=%00", json!({}), "resource"),
        ("POST", "/validate", json!({}), "resourceType"),
        ("POST", "/validate", json!({ "resourceType": "nothing" }), "resourceType"),
        ("POST", "/validate", json!({ "resourceType": "segments", "increment": 0 }), "increment"),
        ("POST", "/validate", json!({ "resourceType": "segments", "increment": -5 }), "increment"),
        ("POST", "/validate", json!({ "resourceType": "segments", "increment": big }), "increment"),
        ("POST", "/validate", json!({ "resourceType": "segments", "increment": 1e30 }), "increment"),
        ("POST", "/validate", json!({ "resourceType": "segments", "tenantId": NOBODY }), "tenantId"),
        ("POST", "/validate", json!({ "resourceType": "segments", "items": [] }), "resourceType"),
        ("POST", "/validate", json!({ "items": [] }), "items"),
        (
            "POST",
            "/validate",
            json!({ "items": [{ "resourceType": "segments", "increment": 0 }] }),
            "items[0].increment",
        ),
        ("POST", "/reserve", json!({}), "resourceType"),
        ("POST", "/reserve", json!({ "resourceType": "nothing" }), "resourceType"),
        ("POST", "/reserve", json!({ "resourceType": "a\u{0}" }), "resourceType"),
        ("POST", "/validate", json!({ "resourceType": "a\u{0}" }), "resourceType"),
        ("POST", "/recalculate", json!({ "resourceType": "a\u{0}" }), "resourceType"),
        ("PUT", "", json!({ "max\u{0}": 1 }), "max"),
        ("POST", "/reserve", json!({ "resourceType": "segments", "increment": 0 }), "increment"),
        ("POST", "/reserve", json!({ "resourceType": "segments", "expiresInSeconds": 0 }), "expiresInSeconds"),
        ("POST", "/reserve", json!({ "resourceType": "segments", "expiresInSeconds": 86_401 }), "expiresInSeconds"),
        ("POST", "/commit", json!({}), "reservationId"),
        ("POST", "/commit", json!({ "reservationId": "x" }), "reservationId"),
        ("POST", "/release", json!({ "reservationId": 5 }), "reservationId"),
        ("POST", "/recalculate", json!({ "resourceType": "nothing" }), "resourceType"),
        ("POST", "/recalculate", json!({ "resource": "segments" }), "resource"),
    ] {
        let answer = scene.operate(method, &format!("{place}{path}")).json(&body).send().await;
        assert_eq!(answer.is(400).code(), "INVALID_REQUEST", "{method} {path} {body}");
        assert!(answer.body["detail"].as_str().unwrap().contains(field), "{path} {body}: {:?}", answer.body);
    }
    let many: Vec<Value> = (0..101).map(|_| json!({ "resourceType": "segments" })).collect();
    scene.operate("POST", &format!("{place}/validate")).json(&json!({ "items": many })).send().await.is(400);
    scene.operate("POST", &format!("{place}/commit")).json(&json!({ "reservationId": NOBODY })).send().await.is(404);
    assert_eq!(app.of(&tenant, "segments").await, (Some(50), 0, 0), "nothing was changed");
}

#[tokio::test]
async fn the_same_quota_may_be_sent_back_as_it_was_read() {
    let app = Application::new("sentbackapp").await;
    let scene = Scene::with_application("sentback", Some(app.login.clone())).await;
    let tenant = scene.tenant("acme").await;
    scene.control.keep_quotas().await.unwrap();
    let place = format!("/api/tenants/{tenant}/quota");
    let read = scene.operate("GET", &place).send().await;
    let mut quota = read.is(200).body["quota"].clone();
    quota["maxSegments"] = json!(60);
    let put = scene.operate("PUT", &place).json(&quota).send().await;
    assert_eq!((&put.is(200).body["quota"]["maxSegments"], &put.body["quota"]["id"]), (&json!(60), &quota["id"]));
}

#[tokio::test]
async fn without_an_applications_database_plans_work_and_quotas_say_what_is_missing() {
    let scene = Scene::new("noapp").await;
    let tenant = scene.tenant("acme").await;
    for (method, path) in [("GET", ""), ("GET", "/analytics"), ("POST", "/recalculate")] {
        let answer = scene.operate(method, &format!("/api/tenants/{tenant}/quota{path}")).send().await;
        assert_eq!(answer.is(503).code(), "UNAVAILABLE");
        assert!(answer.text("detail").contains("application_url"), "{:?}", answer.body);
    }
    scene.control.keep_quotas().await.unwrap();
}
