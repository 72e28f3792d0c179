//! `tenantry verify --api` against a real control plane: it withstands, and without a protection the check meant for it
//! says so.

use futures::future::BoxFuture;
use serde_json::json;
use tenantry_control::ablation::{Protection, REMOVED};
use tenantry_control::access::{Permission, Role};
use tenantry_engine::verify::api::{Answer, Asked, Lesser, Line, Log, Request, Side, Tampering, run};
use tenantry_engine::verify::{Quiet, Report, Status};

use crate::scene::Scene;

/// Straight into the router.
struct Direct<'a>(&'a Scene);

impl Line for Direct<'_> {
    fn ask(&self, asked: Asked) -> BoxFuture<'_, Result<Answer, String>> {
        Box::pin(async move {
            let mut call = self.0.call(&asked.method, &asked.path);
            for (name, value) in &asked.headers {
                call = call.header(name, value);
            }
            if let Some(body) = &asked.body {
                call = call.json(body);
            }
            let answer = call.send().await;
            let text = |v: &axum::http::HeaderValue| v.to_str().unwrap_or_default().to_owned();
            let headers = answer.headers.iter().map(|(n, v)| (n.to_string(), text(v))).collect();
            Ok(Answer { status: answer.status, headers, body: answer.body })
        })
    }
}

/// A log that finds everything, or nothing.
struct Told(Option<usize>);

impl Log for Told {
    fn tamper(&self, _: Tampering) -> BoxFuture<'_, Result<Option<usize>, String>> {
        Box::pin(std::future::ready(Ok(self.0)))
    }
}

/// Two tenants that nobody else uses.
async fn order(scene: &Scene, name: &str, only: &[&str]) -> Request {
    let slug = name.to_lowercase();
    let (a, b) = (scene.tenant(&format!("{slug}-aa")).await, scene.tenant(&format!("{slug}-bb")).await);
    let mut sides = Vec::new();
    for tenant in [&a, &b] {
        scene.member(tenant, &format!("{slug} {tenant}"), "Admin").await;
        let invitation = json!({ "issuer": crate::scene::ISSUER, "email": "x@y.test", "role": "Viewer" });
        // the platform may look and change nothing once there is an Admin: who is there does
        let path = format!("/api/tenants/{tenant}");
        let admin = crate::scene::token(&format!("{slug} {tenant}"), &json!({}));
        let post = |path: String, body: serde_json::Value| {
            let admin = admin.clone();
            async move { scene.call("POST", &path).key(&admin).json(&body).send().await }
        };
        post(format!("{path}/invitations"), invitation).await.is(201);
        let body = json!({ "name": "admin", "role": "Admin" });
        let key = post(format!("{path}/keys"), body).await.is(201).text("key");
        sides.push(Side { tenant: tenant.clone(), key });
        let child = json!({ "name": "c", "slug": format!("below-{}", &tenant[24..]), "parentId": tenant });
        post("/api/tenants".into(), child).await.is(201);
    }
    let mut lesser = Vec::new();
    for role in Role::ALL.iter().filter(|r| !r.is_of_platform()) {
        let body = json!({ "name": "k", "role": role });
        let path = format!("/api/tenants/{a}/keys");
        let key = scene.call("POST", &path).key(&sides[0].key).json(&body).send().await.is(201).text("key");
        let allowed = Permission::ALL.iter().filter(|p| role.permissions_of_key().has(**p));
        let permissions = allowed.map(|p| p.as_str().to_owned()).collect();
        lesser.push(Lesser { role: role.as_str().to_owned(), key, permissions });
    }
    let b = sides.pop().unwrap();
    Request {
        address: "here".into(),
        a: sides.pop().unwrap(),
        b,
        lesser,
        only: only.iter().map(|o| (*o).to_owned()).collect(),
        skip: Vec::new(),
        total: std::time::Duration::from_secs(600),
    }
}

fn failed(report: &Report) -> Vec<String> {
    let failed = report.checks.iter().filter(|c| c.status == Status::Fail);
    failed.map(|c| format!("{}: {}", c.id, c.evidence)).collect()
}

#[tokio::test]
async fn the_control_plane_withstands_every_attack() {
    let scene = Scene::new("verify").await;
    let request = order(&scene, "all", &[]).await;
    let report = run(&request, &Direct(&scene), Some(&Told(Some(1))), &Quiet).await.unwrap();
    assert_eq!(failed(&report), [""; 0]);
    let skipped: Vec<_> = report.checks.iter().filter(|c| c.status == Status::Skipped).collect();
    assert!(skipped.is_empty(), "{skipped:?}");
    // a body that does not fit proves nothing: the document has to say what fits
    let left = report.checks.iter().filter(|c| c.evidence.contains("does not fit"));
    assert_eq!(left.map(|c| format!("{}: {}", c.id, c.evidence)).collect::<Vec<_>>(), [""; 0]);
}

#[tokio::test]
async fn each_check_fails_without_its_protection() {
    let scene = Scene::new("unverified").await;
    for (check, protection) in [
        ("A-07", Protection::Reach),
        ("H-25", Protection::Credential),
        ("H-26", Protection::Reach),
        ("H-27", Protection::Reach),
        ("H-28", Protection::UnknownFields),
        ("H-30", Protection::PartOfTenant),
        ("H-32", Protection::PageOwner),
        ("L-19", Protection::PermissionCheck),
    ] {
        let request = order(&scene, check, &[check]).await;
        let report = REMOVED.scope(protection, run(&request, &Direct(&scene), None, &Quiet)).await.unwrap();
        assert_eq!(report.failed, 1, "{check} does not miss {protection:?}: {:?}", report.checks);
    }
    let request = order(&scene, "log", &["A-01", "A-02", "A-03"]).await;
    let report = run(&request, &Direct(&scene), Some(&Told(Some(0))), &Quiet).await.unwrap();
    assert_eq!(report.failed, 3, "a log that finds nothing");
    let report = run(&request, &Direct(&scene), None, &Quiet).await.unwrap();
    assert_eq!((report.failed, report.skipped), (0, 3), "what is not tried is no pass");
}
