//! Every route of the OpenAPI document is tried by a stranger, by another tenant, and by every role. A route that is
//! not in the table below fails the test: whoever adds one says what it needs.

use serde_json::{Value, json};
use tenantry_control::access::{Permission, Role};

use crate::scene::Scene;

/// What a route needs, and where: inside the tenant of its path, or on the platform.
const ROUTES: &[(&str, &str, Permission, bool)] = &[
    ("GET", "/api/tenants", Permission::TenantRead, false),
    ("POST", "/api/tenants", Permission::TenantCreate, false),
    ("GET", "/api/tenants/{id}", Permission::TenantRead, true),
    ("PATCH", "/api/tenants/{id}", Permission::TenantUpdate, true),
    ("DELETE", "/api/tenants/{id}", Permission::TenantDelete, true),
    ("POST", "/api/tenants/{id}/suspend", Permission::TenantSuspend, true),
    ("POST", "/api/tenants/{id}/resume", Permission::TenantSuspend, true),
    ("POST", "/api/tenants/{id}/restore", Permission::TenantDelete, true),
    ("GET", "/api/tenant", Permission::TenantRead, false),
    ("GET", "/api/tenants/{id}/audit", Permission::AuditRead, true),
    ("GET", "/api/tenants/{id}/keys", Permission::KeyRead, true),
    ("POST", "/api/tenants/{id}/keys", Permission::KeyManage, true),
    ("DELETE", "/api/tenants/{id}/keys/{key}", Permission::KeyManage, true),
    ("POST", "/api/tenants/{id}/keys/{key}/rotate", Permission::KeyManage, true),
    ("GET", "/api/tenants/{id}/alerts", Permission::AlertRead, true),
    ("POST", "/api/tenants/{id}/alerts/{alert}/acknowledge", Permission::AlertManage, true),
    ("GET", "/api/tenants/{id}/usage", Permission::UsageRead, true),
    ("GET", "/api/tenants/{id}/metrics", Permission::UsageRead, true),
    ("GET", "/api/tenants/{id}/webhooks", Permission::WebhookRead, true),
    ("POST", "/api/tenants/{id}/webhooks", Permission::WebhookManage, true),
    ("GET", "/api/tenants/{id}/webhooks/{webhook}", Permission::WebhookRead, true),
    ("PATCH", "/api/tenants/{id}/webhooks/{webhook}", Permission::WebhookManage, true),
    ("DELETE", "/api/tenants/{id}/webhooks/{webhook}", Permission::WebhookManage, true),
    ("POST", "/api/tenants/{id}/webhooks/{webhook}/rotate", Permission::WebhookManage, true),
    ("POST", "/api/tenants/{id}/webhooks/{webhook}/test", Permission::WebhookManage, true),
    ("GET", "/api/tenants/{id}/webhooks/{webhook}/deliveries", Permission::WebhookRead, true),
    ("POST", "/api/tenants/{id}/webhooks/{webhook}/deliveries/{delivery}/replay", Permission::WebhookManage, true),
];

/// What nobody reaches who belongs to a tenant, whatever its role.
const OF_PLATFORM: &[(&str, &str)] = &[
    ("GET", "/api/audit/retention"),
    ("PUT", "/api/audit/retention"),
    ("GET", "/api/alerts"),
    ("POST", "/api/alerts/{alert}/acknowledge"),
    ("POST", "/api/usage/reports"),
    ("GET", "/api/webhooks"),
    ("POST", "/api/webhooks"),
    ("GET", "/api/webhooks/{webhook}"),
    ("PATCH", "/api/webhooks/{webhook}"),
    ("DELETE", "/api/webhooks/{webhook}"),
    ("POST", "/api/webhooks/{webhook}/rotate"),
    ("POST", "/api/webhooks/{webhook}/test"),
    ("GET", "/api/webhooks/{webhook}/deliveries"),
    ("POST", "/api/webhooks/{webhook}/deliveries/{delivery}/replay"),
];

/// A path with ids in it that nothing has but the tenant.
fn at(path: &str, tenant: &str) -> String {
    let nothing = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";
    let path = path.replace("{id}", tenant).replace("{key}", "000000000000");
    ["{webhook}", "{delivery}", "{alert}"].iter().fold(path, |path, name| path.replace(name, nothing))
}

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
        ("POST", p) if p.ends_with("/reports") => {
            json!({ "id": "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", "source": "proxy", "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z" })
        }
        ("PUT", p) if p.ends_with("/retention") => json!({ "days": null }),
        ("POST", p) if p.ends_with("/webhooks") => json!({ "url": "https://example.com/" }),
        ("POST", p) if p.ends_with("/keys") => json!({ "name": "k", "role": "Viewer" }),
        _ => json!({}),
    }
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
        .chain(OF_PLATFORM.iter().map(|(m, p)| (m, p)))
        .map(|(m, p)| ((*m).to_owned(), (*p).to_owned()))
        .collect();
    documented.sort();
    known.sort();
    assert_eq!(documented, known);
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
            let allowed = role.permissions().has(*permission);
            assert_eq!(answer.status != 403, allowed, "{method} {path} as {role:?}: {:?}", answer.body);
        }
        for (method, path) in OF_PLATFORM {
            let path = at(path, &own);
            scene.call(method, &path).key(&key).json(&body(method, &path)).send().await.is(403);
        }
    }
}
