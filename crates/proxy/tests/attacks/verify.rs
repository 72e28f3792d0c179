//! `tenantry verify --proxy` finds nothing on this proxy, and finds what is missing where a protection is.

use std::time::Duration;

use tenantry_engine::verify::proxy::{Login, Request, run};
use tenantry_engine::verify::{Quiet, Report, Status};
use tenantry_proxy::ablation::Protection;

use crate::scene::{Scene, password};

async fn verify(scene: &Scene, only: &[&str]) -> Report {
    let login = |tenant: &str| Login { user: format!("app.{tenant}"), password: password(tenant) };
    let request = Request {
        host: scene.at.ip().to_string(),
        port: scene.at.port(),
        tls: None,
        database: "shop".into(),
        a: login("acme"),
        b: login("bolt"),
        only: only.iter().map(ToString::to_string).collect(),
        skip: Vec::new(),
        total: Duration::from_secs(120),
    };
    Box::pin(run(&request, &Quiet)).await.expect("the proxy can be attacked")
}

#[tokio::test]
async fn verify_passes_on_the_proxy() {
    let scene = Scene::new(1).await;
    let report = verify(&scene, &[]).await;
    let bad: Vec<_> = report.checks.iter().filter(|c| c.status != Status::Pass).collect();
    assert!(bad.is_empty() && report.checks.iter().all(|c| c.layer == "proxy"), "{bad:#?}");
}

#[tokio::test]
async fn verify_finds_a_missing_protection() {
    let mut scene = Scene::new(1).await;
    for (protection, id) in [
        (Protection::Options, "W-01"),
        (Protection::Replacement, "W-07"),
        (Protection::CancelSecret, "W-08"),
        (Protection::Names, "W-16"),
        (Protection::Rest, "W-13"),
    ] {
        scene.start_without(Some(protection));
        let report = verify(&scene, &[id]).await;
        assert_eq!(report.failed, 1, "{protection:?}: {:?}", report.checks);
    }
}
