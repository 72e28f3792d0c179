//! The platform's users.

use serde_json::json;

use crate::scene::{ISSUER, Scene, token};

#[tokio::test]
async fn a_user_is_made_found_changed_disabled_and_removed() {
    let scene = Scene::new("users").await;
    let body = json!({ "issuer": ISSUER, "subject": "ada", "email": "Ada@Example.com", "name": "Ada" });
    let made = scene.operate("POST", "/api/users").json(&body).send().await;
    let place = format!("/api/users/{}", made.is(201).text("id"));
    assert_eq!(made.headers["location"], place);
    assert_eq!(scene.operate("POST", "/api/users").json(&body).send().await.is(409).code(), "DUPLICATE");
    let found = scene.operate("GET", "/api/users?email=ada@example.com").send().await;
    assert_eq!(found.is(200).body["items"][0]["id"], made.body["id"]);
    assert_eq!(scene.operate("GET", "/api/users?issuer=x").send().await.is(200).body["items"], json!([]));

    let ada = token("ada", &json!({}));
    let list = || scene.call("GET", "/api/tenants?pageSize=1").key(&ada).send();
    list().await.is(400);
    let operator = json!({ "platformRole": "Operator" });
    let role = scene.operate("PATCH", &place).header("if-match", &made.etag()).json(&operator).send().await;
    assert_eq!(role.is(200).text("platformRole"), "Operator");
    list().await.is(200);
    // H-23: what is taken away is gone with the next request
    let disabled = json!({ "status": "disabled" });
    let off = scene.operate("PATCH", &place).header("if-match", &role.etag()).json(&disabled).send().await;
    off.is(200);
    list().await.is(401);
    let back = json!({ "status": "active", "platformRole": null, "email": null });
    let on = scene.operate("PATCH", &place).header("if-match", &off.etag()).json(&back).send().await;
    assert_eq!((&on.is(200).body["platformRole"], &on.body["email"]), (&json!(null), &json!(null)));
    list().await.is(400);
    scene.operate("PATCH", &place).header("if-match", &off.etag()).json(&disabled).send().await.is(412);
    for bad in
        [json!({ "status": "gone" }), json!({ "platformRole": "Admin" }), json!({ "name": "" }), json!({ "id": 1 })]
    {
        scene.operate("PATCH", &place).header("if-match", &on.etag()).json(&bad).send().await.is(400);
    }

    // whoever is a tenant's last Admin is not removed
    let tenant = scene.tenant("acme").await;
    scene.member(&tenant, "ada", "Admin").await;
    assert_eq!(scene.operate("DELETE", &place).send().await.is(409).code(), "LAST_ADMIN");
    let body = json!({ "issuer": ISSUER, "subject": "bob", "role": "Admin" });
    scene.call("POST", &format!("/api/tenants/{tenant}/members")).key(&ada).json(&body).send().await.is(201);
    scene.operate("DELETE", &place).send().await.is(204);
    scene.operate("GET", &place).send().await.is(404);
    scene.call("GET", &format!("/api/tenants/{tenant}")).key(&ada).send().await.is(404);
    let actions: Vec<_> = scene.actions("USER\\_%D", 1).await.into_iter().map(|a| a.0).collect();
    let changes: Vec<_> = actions.iter().filter(|a| !a.contains("LOGIN")).map(String::as_str).collect();
    assert_eq!(changes, ["USER_CREATED", "USER_UPDATED", "USER_UPDATED", "USER_UPDATED", "USER_REMOVED"]);
}
