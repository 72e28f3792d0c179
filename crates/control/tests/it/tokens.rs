//! The corpus of tokens that the gateway is attacked with, against the control plane.

#[path = "../../../gateway/tests/attacks/corpora/signers.rs"]
mod signers;
#[path = "../../../gateway/tests/attacks/corpora/text.rs"]
mod text;

use axum::http::HeaderValue;
use serde_json::json;
use tenantry_control::{Mode, SignIn};

use crate::scene::Scene;

#[tokio::test]
async fn h18_to_h21_the_corpus_of_tokens() {
    let sign_in = SignIn { mode: Mode::MultiTenant, issuers: signers::issuers() };
    let scene = Scene::with("tokens", sign_in).await;
    let tenant = scene.tenant("acme").await;
    let (mut wrong, mut count) = (Vec::new(), 0);
    for issuer in ["https://many", "https://eddsa-only", "https://typed"] {
        let body = json!({ "issuer": issuer, "subject": "u1", "role": "Viewer" });
        scene.operate("POST", &format!("/api/tenants/{tenant}/members")).json(&body).send().await;
    }
    let corpus = include_str!("../../../gateway/tests/attacks/corpora/tokens.txt");
    for (verdict, rest) in text::lines(corpus) {
        let parts: Vec<_> = rest.split(" | ").collect();
        let [_, header, claims, signature, form @ ..] = &*parts else { panic!("{rest}") };
        let token = signers::token(header, claims, signature, form.first().copied().unwrap_or("$h.$c.$s"));
        let Ok(value) = HeaderValue::from_str(&format!("Bearer {token}")) else {
            assert_eq!(verdict, "401", "{rest}: no header can hold it");
            continue;
        };
        // a token that is good at the gateway is so here, if it says whom it is about: 403 there is another tenant's host
        let is_about_somebody = claims.contains("\"sub\"") || claims.contains("$CLAIMS");
        let expected = if verdict == "401" || !is_about_somebody { 401 } else { 200 };
        let answer = scene.call("GET", "/api/me").header("authorization", value.to_str().unwrap()).send().await;
        if answer.status != expected {
            wrong.push(format!("{verdict} {rest}: {}", answer.status));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 150, "{count}");
}
