//! Each protection of the code is taken away once, and the attack meant for it must then succeed.

use serde_json::json;
use tenantry_control::ablation::{Protection, REMOVED};

use crate::scene::Scene;

/// Whether the attack succeeds.
async fn attack(scene: &Scene, protection: Protection, a: &str, b: &str, viewer: &str) -> bool {
    match protection {
        // H-26: another tenant's id in the path
        Protection::Reach => scene.call("GET", &format!("/api/tenants/{b}")).key(viewer).send().await.status == 200,
        // a role does more than it may
        Protection::PermissionCheck => {
            let body = json!({ "name": "mine", "role": "Admin" });
            scene.call("POST", &format!("/api/tenants/{a}/keys")).key(viewer).json(&body).send().await.status == 201
        }
        // H-02: path and header disagree
        Protection::TenantHeader => {
            let call = scene.call("GET", &format!("/api/tenants/{a}")).key(viewer).header("x-tenant-id", b);
            call.send().await.status == 200
        }
        Protection::WebhookSignature | Protection::WebhookReach => unreachable!("webhooks.rs attacks these"),
    }
}

#[tokio::test]
async fn each_attack_succeeds_without_its_protection_and_only_then() {
    let scene = Scene::new("ablation").await;
    let (a, b) = (scene.tenant("aa").await, scene.tenant("bb").await);
    let (_, viewer) = scene.key(&a, "Viewer").await;
    for protection in [Protection::Reach, Protection::PermissionCheck, Protection::TenantHeader] {
        assert!(!attack(&scene, protection, &a, &b, &viewer).await, "succeeds against {protection:?}");
        let without = REMOVED.scope(protection, attack(&scene, protection, &a, &b, &viewer)).await;
        assert!(without, "nobody misses {protection:?}");
    }
}
