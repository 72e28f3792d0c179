//! Every route of the OpenAPI document is tried by a stranger, by another tenant, and by every role. A route that is
//! not in the table of `ROUTES` fails the test: whoever adds one says what it needs.

use serde_json::{Value, json};
use tenantry_control::access::Role;
use tenantry_control::{OF_PLATFORM, ROUTES};

use crate::scene::{ISSUER, Scene, token};

/// Method and path of every route, from the document.
fn documented() -> Vec<(String, String)> {
    let document: Value = serde_json::to_value(tenantry_control::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys().filter(|m| *m != "parameters");
            methods.map(|m| (m.to_uppercase(), path.clone())).collect::<Vec<_>>()
        })
        .collect()
}

fn body(method: &str, path: &str) -> Value {
    match (method, path) {
        ("POST", "/api/tenants") => json!({ "name": "n", "slug": "nobody-has-it" }),
        ("POST", "/api/databases") => json!({ "name": "main", "strategies": ["shared"] }),
        ("POST", "/api/fleet/migrations") => json!({ "version": "1", "sql": "SELECT 1" }),
        ("POST", p) if p.ends_with("/reports") => {
            json!({ "id": "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", "source": "proxy", "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z" })
        }
        ("PUT", p) if p.ends_with("/retention") => json!({ "days": null }),
        ("POST", p) if p.ends_with("/webhooks") => json!({ "url": "https://example.com/" }),
        ("POST", p) if p.ends_with("/keys") => json!({ "name": "k", "role": "Viewer" }),
        ("POST", "/api/plans") => json!({ "key": "another" }),
        ("POST", p) if p.ends_with("/reserve") => json!({ "resourceType": "segments" }),
        ("POST", p) if p.ends_with("/commit") || p.ends_with("/release") => {
            json!({ "reservationId": "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d" })
        }
        ("POST", "/api/users") => json!({ "issuer": ISSUER, "subject": "s" }),
        ("POST", p) if p.ends_with("/members") => json!({ "issuer": ISSUER, "subject": "s", "role": "Viewer" }),
        ("POST", p) if p.ends_with("/invitations") => {
            json!({ "issuer": ISSUER, "email": "s@example.com", "role": "Viewer" })
        }
        ("POST", p) if p.ends_with("/support") => json!({ "reason": "ticket 4711" }),
        ("PATCH", p) if p.contains("/members/") => json!({ "role": "Viewer" }),
        _ => json!({}),
    }
}

/// The path for a tenant, with ids of nothing.
fn at(path: &str, tenant: &str) -> String {
    const NOTHING: &str = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4e";
    let path =
        path.replace("{id}", tenant).replace("{key}", "000000000000").replace("{user}", NOTHING).replace("{kid}", "7");
    let names = ["{invitation}", "{support}", "{database}", "{webhook}", "{delivery}", "{alert}"];
    names.iter().fold(path, |path, name| path.replace(name, NOTHING))
}

#[test]
fn the_document_is_the_golden_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/openapi.json");
    let text = serde_json::to_string_pretty(&tenantry_control::openapi()).unwrap() + "\n";
    if std::env::var_os("TENANTRY_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(kept, text, "docs/reference/openapi.json is stale: run `cargo xtask openapi` and commit the file");
}

#[test]
fn every_route_says_what_it_needs() {
    let mut documented = documented();
    let mut known: Vec<_> = ROUTES
        .iter()
        .map(|(m, p, ..)| (m, p))
        .chain(OF_PLATFORM.iter().map(|(m, p, _)| (m, p)))
        .map(|(m, p)| ((*m).to_owned(), (*p).to_owned()))
        .collect();
    documented.sort();
    known.sort();
    assert_eq!(documented, known);
    let document: Value = serde_json::to_value(tenantry_control::openapi()).unwrap();
    for (method, path, permission, _) in ROUTES {
        assert_eq!(
            document["paths"][path][method.to_lowercase()]["x-permission"],
            permission.as_str(),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn strangers_get_nothing() {
    let scene = Scene::new("strange").await;
    let tenant = scene.tenant("acme").await;
    let bad = format!("tnt_live_000000000000_{}", "0".repeat(72));
    for (method, path) in documented() {
        for spelling in ["/api/tenant", "/api/workspace"] {
            let path = at(&path, &tenant).replace("/api/tenant", spelling);
            let send = || scene.call(&method, &path).json(&body(&method, &path));
            assert_eq!(send().send().await.is(401).headers["www-authenticate"], "Bearer");
            send().key(&bad).send().await.is(401);
            send().key("").send().await.is(401);
            send().header("authorization", &format!("Basic {}", scene.operator)).send().await.is(401);
            // two credentials are none
            send().key(&scene.operator).key(&scene.operator).send().await.is(401);
        }
    }
}

#[tokio::test]
async fn every_route_as_another_tenant_and_as_every_role() {
    let scene = Scene::new("roles").await;
    let (own, other) = (scene.tenant("own").await, scene.tenant("other").await);
    for role in Role::ALL.iter().filter(|r| !r.is_of_platform()) {
        let (_, key) = scene.key(&own, role.as_str()).await;
        for (method, path, permission, inside) in ROUTES {
            let at = |tenant: &str| at(path, tenant);
            let send = |path: String| scene.call(method, &path).key(&key).json(&body(method, &path)).send();
            if *inside {
                let foreign = send(at(&other)).await;
                let absent = send(at("0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d")).await;
                assert_eq!((foreign.status, absent.status), (404, 404), "{method} {path} as {role:?}");
                assert_eq!(foreign.text("detail"), absent.text("detail"));
            }
            let answer = send(at(&own)).await;
            let allowed = role.permissions_of_key().has(*permission);
            assert_eq!(answer.status != 403, allowed, "{method} {path} as {role:?}: {:?}", answer.body);
        }
        for (method, path, _) in OF_PLATFORM {
            let path = at(path, &own);
            scene.call(method, &path).key(&key).json(&body(method, &path)).send().await.is(403);
        }
    }
}

#[tokio::test]
async fn every_route_as_a_user_of_every_role_and_as_a_stranger() {
    let scene = Scene::new("people").await;
    let (own, other) = (scene.tenant("own").await, scene.tenant("other").await);
    for role in Role::ALL.iter().rev().filter(|r| !r.is_of_platform()) {
        scene.member(&own, role.as_str(), role.as_str()).await;
    }
    for who in Role::ALL.iter().map(|r| r.as_str()).filter(|r| *r != "Operator").chain(["nobody"]) {
        let role = Role::parse(who);
        for (method, path, permission, inside) in ROUTES {
            // a sign-in of its own for each: one of the routes ends it
            let person = token(who, &json!({ "jti": format!("{who} {method} {path}") }));
            let send = |path: String| scene.call(method, &path).key(&person).json(&body(method, &path)).send();
            if *inside {
                let foreign = send(at(path, &other)).await;
                let absent = send(at(path, "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d")).await;
                assert_eq!((foreign.status, absent.status), (404, 404), "{method} {path} as {who}");
                assert_eq!(foreign.text("detail"), absent.text("detail"));
            }
            let answer = send(at(path, &own)).await;
            match role {
                Some(role) => {
                    let allowed = role.permissions().has(*permission);
                    assert_eq!(answer.status != 403, allowed, "{method} {path} as {who}: {:?}", answer.body);
                }
                None if *inside => drop(answer.is(404)),
                None => assert!(matches!(answer.status, 200 | 204 | 400 | 403 | 409), "{method} {path}: {answer:?}"),
            }
        }
    }
}
