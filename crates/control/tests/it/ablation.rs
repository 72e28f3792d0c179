//! Each protection of the code is taken away once, and the attack meant for it must then succeed.

use serde_json::{Value, json};
use tenantry_control::ablation::{Protection, REMOVED};

use crate::scene::{ISSUER, Scene, sign, token};

/// What the attacks work with.
struct Stage<'a> {
    scene: &'a Scene,
    a: String,
    b: String,
    /// A key of A that may only look.
    viewer: String,
    /// The user of A's only Admin.
    ada: String,
    /// The id of a key of B's.
    others_key: String,
}

impl Stage<'_> {
    async fn status(&self, method: &str, path: &str, credential: &str, body: Value) -> u16 {
        self.scene.call(method, path).key(credential).json(&body).send().await.status
    }

    /// Whether the attack succeeds. `unique` differs from one try to the next.
    async fn attack(&self, protection: Protection, unique: &str) -> bool {
        let (a, b) = (format!("/api/tenants/{}", self.a), format!("/api/tenants/{}", self.b));
        let ada = token("ada", &json!({}));
        match protection {
            // H-26: another tenant's id in the path
            Protection::Reach => self.status("GET", &b, &self.viewer, json!({})).await == 200,
            // a role does more than it may
            Protection::PermissionCheck => {
                let body = json!({ "name": "mine", "role": "Viewer" });
                self.status("POST", &format!("{a}/keys"), &self.viewer, body).await == 201
            }
            // H-02: path and header disagree
            Protection::TenantHeader => {
                let call = self.scene.call("GET", &a).key(&self.viewer).header("x-tenant-id", &self.b);
                call.send().await.status == 200
            }
            // H-19: a token for one tenant used for another of the same user
            Protection::TokenTenant => {
                self.status("GET", &b, &token("ada", &json!({ "tenant": "aa" })), json!({})).await == 200
            }
            // H-20: a token for another service
            Protection::TokenAudience => {
                self.status("GET", &a, &token("ada", &json!({ "aud": "other" })), json!({})).await == 200
            }
            // H-22: an address nobody has verified
            Protection::InvitedAddress => {
                let claims = json!({ "iss": ISSUER, "aud": "tenantry", "exp": 4_000_000_000_u64, "sub": unique,
                    "email": "boss@aa.test", "email_verified": false });
                self.status("GET", &a, &sign(1, &claims), json!({})).await == 200
            }
            Protection::GrantedRole => {
                unreachable!("the table of roles gives nobody the chance: its test is in access")
            }
            Protection::LastAdmin => {
                self.status("DELETE", &format!("{a}/members/{}", self.ada), &ada, json!({})).await == 204
            }
            // H-43
            Protection::SupportConsent => {
                self.status("GET", &format!("{a}/audit"), &self.scene.operator, json!({})).await == 200
            }
            // H-23: a token after signing out
            Protection::EndedSession => {
                let gone = token("ada", &json!({ "jti": unique }));
                self.status("GET", &a, &gone, json!({})).await;
                self.status("POST", "/api/logout", &gone, json!({})).await;
                self.status("GET", &a, &gone, json!({})).await == 200
            }
            // H-28
            Protection::UnknownFields => {
                let body = json!({ "name": unique, "role": "Viewer", "tenantId": self.b });
                self.status("POST", &format!("{a}/keys"), &ada, body).await == 201
            }
            // H-32: somebody else's page token
            Protection::PageOwner => {
                let page = self.scene.operate("GET", "/api/tenants?pageSize=1").send().await.text("nextPageToken");
                let path = format!("/api/tenants?pageSize=1&pageToken={page}");
                self.status("GET", &path, &self.viewer, json!({})).await == 200
            }
            // H-30: another tenant's key below one's own id
            Protection::PartOfTenant => {
                self.status("DELETE", &format!("{a}/keys/{}", self.others_key), &ada, json!({})).await == 204
            }
            Protection::Credential => self.scene.call("GET", "/api/tenants").send().await.status == 200,
            Protection::WebhookSignature | Protection::WebhookReach => unreachable!("webhooks.rs attacks these"),
        }
    }
}

#[tokio::test]
async fn each_attack_succeeds_without_its_protection_and_only_then() {
    let scene = Scene::new("ablation").await;
    let (a, b) = (scene.tenant("aa").await, scene.tenant("bb").await);
    let (_, viewer) = scene.key(&a, "Viewer").await;
    let invitation = json!({ "issuer": ISSUER, "email": "boss@aa.test", "role": "Admin" });
    scene.operate("POST", &format!("/api/tenants/{a}/invitations")).json(&invitation).send().await.is(201);
    scene.member(&b, "ada", "Viewer").await;
    let ada = scene.member(&a, "ada", "Admin").await;
    let (others_key, _) = scene.key(&b, "Viewer").await;
    let stage = Stage { scene: &scene, a, b, viewer, ada, others_key };
    // the last Admin last, and the invitation before somebody else is one
    let (mut order, rest): (Vec<_>, Vec<_>) =
        Protection::ALL.iter().partition(|p| !matches!(p, Protection::LastAdmin | Protection::InvitedAddress));
    order.extend(rest.into_iter().rev());
    // others attack these: a test of keys, and those of webhooks
    let elsewhere = [Protection::GrantedRole, Protection::WebhookSignature, Protection::WebhookReach];
    for protection in order.into_iter().filter(|p| !elsewhere.contains(p)) {
        assert!(!stage.attack(protection, "with").await, "succeeds against {protection:?}");
        let without = REMOVED.scope(protection, stage.attack(protection, "without")).await;
        assert!(without, "nobody misses {protection:?}");
    }
}
