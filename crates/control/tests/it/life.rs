//! A tenant's life, from its making to its restoration, and a key's.

use serde_json::json;
use tenantry_control::Control;

use crate::scene::Scene;

#[tokio::test]
async fn a_tenant_is_made_read_changed_suspended_resumed_deleted_and_restored() {
    let scene = Scene::new("life").await;
    let body = json!({ "name": "Acme Ltd", "slug": "acme", "contact": { "name": "Ada", "email": "ada@acme.test" },
        "subscription": { "plan": "pro", "status": "trialing" }, "externalId": "crm-1" });
    let made = scene.operate("POST", "/api/tenants").json(&body).send().await;
    let id = made.is(201).text("id");
    assert_eq!(made.headers["location"], format!("/api/tenants/{id}"));
    let place = format!("/api/tenants/{id}");
    let read = scene.operate("GET", &place).send().await;
    assert_eq!(read.is(200).body, made.body);
    assert_eq!(read.body["subscription"], json!({ "plan": "pro", "status": "trialing" }));
    assert_eq!(read.body["type"], "Root");
    // the older spelling is the same
    assert_eq!(scene.operate("GET", &format!("/api/workspaces/{id}")).send().await.body, read.body);

    let change = json!({ "name": "Acme Inc", "contact": null });
    let changed = scene.operate("PATCH", &place).header("if-match", &read.etag()).json(&change).send().await;
    assert_eq!((changed.is(200).text("name").as_str(), &changed.body["contact"]), ("Acme Inc", &json!(null)));
    assert_ne!(changed.etag(), read.etag());

    let (_, key) = scene.key(&id, "Admin").await;
    scene.call("GET", &place).key(&key).send().await.is(200);
    let why = json!({ "reason": "unpaid" });
    let suspended = scene.operate("POST", &format!("{place}/suspend")).json(&why).send().await;
    assert_eq!(
        (suspended.is(200).text("status").as_str(), suspended.text("statusReason").as_str()),
        ("suspended", "unpaid")
    );
    assert_eq!(scene.call("GET", &place).key(&key).send().await.is(403).code(), "TENANT_SUSPENDED");
    scene.operate("POST", &format!("{place}/suspend")).send().await.is(409);
    scene.operate("POST", &format!("{place}/resume")).send().await.is(200);
    scene.call("GET", &place).key(&key).send().await.is(200);

    let now = scene.operate("GET", &place).send().await;
    let deleted = scene.operate("DELETE", &place).header("if-match", &now.etag()).send().await;
    assert_eq!(deleted.is(200).text("status"), "deleted");
    assert!(deleted.body["eraseAt"].is_string());
    scene.call("GET", &place).key(&key).send().await.is(401);
    // while the old tenant can be restored, nobody gets its name
    let again = json!({ "name": "Other", "slug": "acme" });
    assert_eq!(scene.operate("POST", "/api/tenants").json(&again).send().await.is(409).code(), "SLUG_TAKEN");
    scene.operate("POST", &format!("{place}/restore")).send().await.is(200);
    scene.call("GET", &place).key(&key).send().await.is(200);

    // every step is in the audit log, in order, and those of tenants were told
    let client = scene.database.connect().await;
    let sql = "SELECT coalesce(string_agg(action, ' ' ORDER BY sequence), '') FROM tenantry_control.audit_entry
               WHERE action <> 'API_KEY_ACCESS_FAILED'";
    let actions: String = client.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(
        actions,
        "KEY_CREATED TENANT_CREATED TENANT_UPDATED KEY_CREATED TENANT_SUSPENDED TENANT_RESUMED TENANT_DELETED TENANT_RESTORED"
    );
    let told: i64 = client
        .query_one("SELECT count(*) FROM tenantry_control.outbox WHERE type LIKE 'tenantry.tenant.%'", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(told, 6);
}

#[tokio::test]
async fn children_stand_below_and_a_slug_that_was_given_up_rests() {
    let scene = Scene::new("tree").await;
    let parent = scene.tenant("parent").await;
    let other = scene.tenant("other").await;
    let (_, admin) = scene.key(&parent, "Admin").await;
    let child = json!({ "name": "c", "slug": "child", "parentId": parent });
    let made = scene.call("POST", "/api/tenants").key(&admin).json(&child).send().await;
    let id = made.is(201).text("id");
    assert_eq!((made.text("type").as_str(), made.text("parentId")), ("Child", parent.clone()));
    // the parent's admin sees it, the neighbour's does not, and it does not see its parent
    let place = format!("/api/tenants/{id}");
    scene.call("GET", &place).key(&admin).send().await.is(200);
    let (_, neighbour) = scene.key(&other, "Admin").await;
    scene.call("GET", &place).key(&neighbour).send().await.is(404);
    let (_, own) = scene.key(&id, "Admin").await;
    scene.call("GET", &format!("/api/tenants/{parent}")).key(&own).send().await.is(404);
    let list = scene.call("GET", "/api/tenants").key(&admin).send().await;
    assert_eq!(list.is(200).body["items"].as_array().unwrap().len(), 2);
    // a plan that costs is not the parent's to choose
    let dear = json!({ "name": "d", "slug": "dear", "parentId": parent, "subscription": { "plan": "pro" } });
    scene.call("POST", "/api/tenants").key(&admin).json(&dear).send().await.is(403);
    for (bad, status) in [
        (json!({ "name": "x", "slug": "xx", "parentId": id }), 400),
        (json!({ "name": "x", "slug": "xx", "type": "Child" }), 400),
        (json!({ "name": "x", "slug": "xx", "type": "Root", "parentId": parent }), 400),
        (json!({ "name": "x", "slug": "xx", "parentId": uuid() }), 404),
    ] {
        scene.operate("POST", "/api/tenants").json(&bad).send().await.is(status);
    }
    let now = scene.operate("GET", &format!("/api/tenants/{parent}")).send().await;
    let delete = scene.operate("DELETE", &format!("/api/tenants/{parent}")).header("if-match", &now.etag());
    assert_eq!(delete.send().await.is(409).code(), "STATE_CONFLICT");

    let now = scene.operate("GET", &place).send().await;
    let rename = json!({ "slug": "renamed" });
    scene.operate("PATCH", &place).header("if-match", &now.etag()).json(&rename).send().await.is(200);
    let late = json!({ "name": "late", "slug": "child" });
    assert_eq!(scene.operate("POST", "/api/tenants").json(&late).send().await.is(409).code(), "SLUG_TAKEN");
    let like = json!({ "name": "like", "slug": "rename".to_owned() + "d" });
    scene.operate("POST", "/api/tenants").json(&like).send().await.is(409);
    // whose it was may have it back
    let now = scene.operate("GET", &place).send().await;
    let back = json!({ "slug": "child" });
    scene.operate("PATCH", &place).header("if-match", &now.etag()).json(&back).send().await.is(200);
}

#[tokio::test]
async fn a_key_is_shown_once_rotated_with_overlap_and_taken_back() {
    let scene = Scene::new("keys").await;
    let tenant = scene.tenant("acme").await;
    let (id, key) = scene.key(&tenant, "Admin").await;
    let keys = format!("/api/tenants/{tenant}/keys");
    let list = scene.call("GET", &keys).key(&key).send().await;
    assert!(!list.is(200).body.to_string().contains(&key) && list.body["items"][0]["id"] == *id);
    let rotated = scene.call("POST", &format!("{keys}/{id}/rotate")).key(&key).send().await;
    let (second, new) = (rotated.is(201).text("id"), rotated.text("key"));
    assert_eq!(rotated.body["replaces"], *id);
    for both in [&key, &new] {
        scene.call("GET", &keys).key(both).send().await.is(200);
    }
    let now = json!({ "overlapSeconds": 0 });
    let third = scene.call("POST", &format!("{keys}/{second}/rotate")).key(&new).json(&now).send().await;
    scene.call("GET", &keys).key(&new).send().await.is(401);
    let (third_id, third) = (third.is(201).text("id"), third.text("key"));
    scene.call("DELETE", &format!("{keys}/{third_id}")).key(&third).send().await.is(204);
    scene.call("GET", &keys).key(&third).send().await.is(401);
    // of the key itself the database has nothing
    let client = scene.database.connect().await;
    let sql = "SELECT string_agg(k::text, ' ') FROM tenantry_control.api_key k";
    let all: String = client.query_one(sql, &[]).await.unwrap().get(0);
    assert!(!all.contains(&key[22..86]));
}

#[tokio::test]
async fn the_first_key_is_given_once_and_a_second_start_changes_nothing() {
    let scene = Scene::new("start").await;
    let again = Control::start(scene.settings.clone()).await.unwrap();
    assert!(again.first_key().is_none());
    scene.operate("GET", "/api/tenants").send().await.is(200);
}

fn uuid() -> String {
    "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d".to_owned()
}
