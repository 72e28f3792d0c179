//! Who belongs to a tenant: added, invited, given another role, removed; and what nobody may do.

use serde_json::{Value, json};

use crate::scene::{Answer, ISSUER, OTHER_ISSUER, Scene, sign, token};

async fn get(scene: &Scene, path: &str, credential: &str) -> Answer {
    scene.call("GET", path).key(credential).send().await
}

#[tokio::test]
async fn a_member_is_added_read_given_another_role_and_removed() {
    let scene = Scene::new("members").await;
    let tenant = scene.tenant("acme").await;
    let place = format!("/api/tenants/{tenant}/members");
    scene.member(&tenant, "ada", "Admin").await;
    let ada = token("ada", &json!({}));
    let body = json!({ "issuer": ISSUER, "subject": "bob", "role": "Viewer", "name": "Bob", "email": "bob@acme.test" });
    let made = scene.call("POST", &place).key(&ada).json(&body).send().await;
    let bob = made.is(201).text("userId");
    assert_eq!((made.text("name").as_str(), made.text("role").as_str()), ("Bob", "Viewer"));
    assert_eq!(made.headers["location"], format!("{place}/{bob}"));
    assert_eq!(scene.call("POST", &place).key(&ada).json(&body).send().await.is(409).code(), "DUPLICATE");
    let list = get(&scene, &place, &ada).await;
    assert_eq!(list.is(200).body["items"].as_array().unwrap().len(), 2);
    let page = get(&scene, &format!("{place}?pageSize=1"), &ada).await;
    let token_of = page.is(200).text("nextPageToken");
    let next = get(&scene, &format!("{place}?pageSize=1&pageToken={token_of}"), &ada).await;
    assert_eq!(next.is(200).body["items"][0]["userId"], *bob);

    // he looks, and does not manage; with another role he does more
    let bobs = token("bob", &json!({}));
    get(&scene, &place, &bobs).await.is(200);
    scene.call("DELETE", &format!("{place}/{bob}")).key(&bobs).send().await.is(403);
    get(&scene, &format!("/api/tenants/{tenant}/keys"), &bobs).await.is(403);
    let member = get(&scene, &format!("{place}/{bob}"), &ada).await;
    let role = json!({ "role": "WorkspaceManager" });
    scene.call("PATCH", &format!("{place}/{bob}")).key(&ada).json(&role).send().await.is(428);
    let patch = scene.call("PATCH", &format!("{place}/{bob}")).key(&ada).header("if-match", &member.etag()).json(&role);
    assert_eq!(patch.send().await.is(200).text("role"), "WorkspaceManager");
    get(&scene, &format!("/api/tenants/{tenant}/keys"), &bobs).await.is(200);
    // removed, he is nobody from the next request on, whatever his token says
    scene.call("DELETE", &format!("{place}/{bob}")).key(&ada).send().await.is(204);
    get(&scene, &place, &bobs).await.is(404);
    scene.call("DELETE", &format!("{place}/{bob}")).key(&ada).send().await.is(404);
    let actions: Vec<_> = scene.actions("MEMBER%", 4).await.into_iter().map(|a| (a.0, a.1)).collect();
    let expected = ["MEMBER_ADDED", "MEMBER_ADDED", "MEMBER_ROLE_CHANGED", "MEMBER_REMOVED"];
    assert_eq!(actions, expected.map(|a| (a.to_owned(), Some(tenant.clone()))));
}

#[tokio::test]
async fn l19_somebody_in_two_tenants_is_in_each_what_he_is_there() {
    let scene = Scene::new("two").await;
    let (a, b) = (scene.tenant("aa").await, scene.tenant("bb").await);
    let id = scene.member(&a, "ada", "Admin").await;
    assert_eq!(scene.member(&b, "ada", "Viewer").await, id, "one user in both");
    let ada = token("ada", &json!({}));
    get(&scene, &format!("/api/tenants/{a}/keys"), &ada).await.is(200);
    get(&scene, &format!("/api/tenants/{b}"), &ada).await.is(200);
    get(&scene, &format!("/api/tenants/{b}/keys"), &ada).await.is(403);
    let me = get(&scene, "/api/me", &ada).await;
    let roles: Vec<_> = me.is(200).body["tenants"].as_array().unwrap().iter().map(|t| t["role"].clone()).collect();
    assert_eq!(roles, ["Admin", "Viewer"]);
    // no path names a tenant and there are two: a header says which
    assert_eq!(get(&scene, "/api/tenant", &ada).await.is(400).code(), "TENANT_MISSING");
    let named = scene.call("GET", "/api/tenant").key(&ada).header("x-tenant-id", &b);
    assert_eq!(named.send().await.is(200).text("id"), b);
    // an Admin above may what an Admin may, below too
    let child = json!({ "name": "c", "slug": "child", "parentId": a });
    let child = scene.call("POST", "/api/tenants").key(&ada).json(&child).send().await.is(201).text("id");
    get(&scene, &format!("/api/tenants/{child}/keys"), &ada).await.is(200);
}

#[tokio::test]
async fn a_tenant_keeps_an_admin_also_when_two_remove_each_other_at_once() {
    let scene = Scene::new("last").await;
    for round in 0..5 {
        let tenant = scene.tenant(&format!("acme-{}", ["a", "b", "c", "d", "e"][round])).await;
        let place = format!("/api/tenants/{tenant}/members");
        let ada = scene.member(&tenant, "ada", "Admin").await;
        let body = json!({ "issuer": ISSUER, "subject": "bob", "role": "Admin" });
        let adas = token("ada", &json!({}));
        let bob = scene.call("POST", &place).key(&adas).json(&body).send().await.is(201).text("userId");
        let bobs = token("bob", &json!({}));
        let (one, two) = (format!("{place}/{bob}"), format!("{place}/{ada}"));
        let (first, second) =
            tokio::join!(scene.call("DELETE", &one).key(&adas).send(), scene.call("DELETE", &two).key(&bobs).send());
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        // the second was let in before the first was done, or came too late: an Admin is left both ways
        assert!(statuses[0] == 204 && [404, 409].contains(&statuses[1]), "{statuses:?}");
        let last = if first.status == 204 { (&two, &adas) } else { (&one, &bobs) };
        assert_eq!(scene.call("DELETE", last.0).key(last.1).send().await.is(409).code(), "LAST_ADMIN");
        let tag = get(&scene, last.0, last.1).await.etag();
        let down = scene.call("PATCH", last.0).key(last.1).header("if-match", &tag).json(&json!({ "role": "Viewer" }));
        assert_eq!(down.send().await.is(409).code(), "LAST_ADMIN");
    }
}

#[tokio::test]
async fn an_invitation_is_taken_by_whoever_the_issuer_says_the_address_is() {
    let scene = Scene::new("invited").await;
    let tenant = scene.tenant("acme").await;
    scene.member(&tenant, "ada", "Admin").await;
    let ada = token("ada", &json!({}));
    let place = format!("/api/tenants/{tenant}/invitations");
    let body = json!({ "issuer": ISSUER, "email": "Bob@Acme.test", "role": "Author" });
    let invite = || scene.call("POST", &place).key(&ada).json(&body).send();
    let first = invite().await;
    assert_eq!(first.is(201).text("email"), "bob@acme.test");
    assert_eq!(invite().await.is(409).code(), "DUPLICATE");
    let tenant_path = format!("/api/tenants/{tenant}");
    // H-22: the address alone, unverified, or of another issuer, is nobody's
    let claims = |iss: &str, verified: Value| {
        json!({ "iss": iss, "aud": "tenantry", "exp": 4_000_000_000_u64, "sub": "b", "jti": "1",
                "email": "bob@acme.test", "email_verified": verified })
    };
    for stranger in [
        sign(1, &claims(ISSUER, json!(false))),
        sign(1, &claims(ISSUER, json!("true"))),
        sign(2, &claims(OTHER_ISSUER, json!(true))),
        token("b", &json!({ "email": "bob@acme.test" })),
        token("b", &json!({ "email": "rob@acme.test", "email_verified": true })),
    ] {
        get(&scene, &tenant_path, &stranger).await.is(404);
    }
    let bob = sign(1, &claims(ISSUER, json!(true)));
    // a page that loads sends several requests at once: all of them are his
    let (one, two) = tokio::join!(get(&scene, &tenant_path, &bob), get(&scene, &tenant_path, &bob));
    assert_eq!((one.status, two.status), (200, 200));
    get(&scene, &tenant_path, &bob).await.is(200);
    assert_eq!(scene.actions("USER_LOGIN", 2).await.len(), 2, "ada's and his");
    assert_eq!(get(&scene, &place, &ada).await.is(200).body["items"], json!([]));
    // taken once: another subject with the address is nobody
    let thief = token("thief", &json!({ "email": "bob@acme.test", "email_verified": true }));
    get(&scene, &tenant_path, &thief).await.is(404);
    // and one that was taken back is none
    let other = json!({ "issuer": ISSUER, "email": "eve@acme.test", "role": "Admin" });
    let id = scene.call("POST", &place).key(&ada).json(&other).send().await.is(201).text("id");
    scene.call("DELETE", &format!("{place}/{id}")).key(&ada).send().await.is(204);
    scene.call("DELETE", &format!("{place}/{id}")).key(&ada).send().await.is(404);
    let eve = token("eve", &json!({ "email": "eve@acme.test", "email_verified": true }));
    get(&scene, &tenant_path, &eve).await.is(404);
    // nor one that is over
    let late = json!({ "issuer": ISSUER, "email": "late@acme.test", "role": "Admin", "days": 1 });
    scene.call("POST", &place).key(&ada).json(&late).send().await.is(201);
    scene.database.execute("UPDATE tenantry_control.invitation SET expires_at = now() - interval '1 second'").await;
    let late = token("late", &json!({ "email": "late@acme.test", "email_verified": true }));
    get(&scene, &tenant_path, &late).await.is(404);
    // and is no reason not to invite again
    let again = json!({ "issuer": ISSUER, "email": "late@acme.test", "role": "Viewer" });
    scene.call("POST", &place).key(&ada).json(&again).send().await.is(201);
    let strangers = scene.actions("USER_LOGIN_FAILED", 1).await;
    assert!(strangers.iter().all(|s| !s.2.to_string().contains('@')), "{strangers:?}");
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let scene = Scene::new("badmember").await;
    let tenant = scene.tenant("acme").await;
    let post = |path: String, body: Value| {
        let scene = &scene;
        async move { scene.operate("POST", &path).json(&body).send().await }
    };
    for (body, field) in [
        (json!({ "issuer": ISSUER, "subject": "", "role": "Viewer" }), "subject"),
        (json!({ "issuer": ISSUER, "subject": "x".repeat(256), "role": "Viewer" }), "subject"),
        (json!({ "issuer": "https://nobody", "subject": "a", "role": "Viewer" }), "issuer"),
        (json!({ "subject": "a", "role": "Viewer" }), "issuer"),
        (json!({ "issuer": ISSUER, "subject": "a", "role": "Operator" }), "role"),
        (json!({ "issuer": ISSUER, "subject": "a", "role": "King" }), "role"),
        (json!({ "issuer": ISSUER, "subject": "a", "role": "Viewer", "tenantId": tenant }), "tenantId"),
        (json!({ "issuer": ISSUER, "subject": "a", "role": "Viewer", "email": "no" }), "email"),
    ] {
        let answer = post(format!("/api/tenants/{tenant}/members"), body.clone()).await;
        assert_eq!(answer.is(400).body["errors"][0]["field"], field, "{body}");
    }
    for (body, field) in [
        (json!({ "issuer": ISSUER, "email": "no", "role": "Viewer" }), "email"),
        (json!({ "issuer": ISSUER, "email": "a@b.c", "role": "Operator" }), "role"),
        (json!({ "issuer": ISSUER, "email": "a@b.c", "role": "Viewer", "days": 31 }), "days"),
        (json!({ "issuer": ISSUER, "email": "a@b.c", "role": "Viewer", "days": 0 }), "days"),
    ] {
        let answer = post(format!("/api/tenants/{tenant}/invitations"), body.clone()).await;
        assert_eq!(answer.is(400).body["errors"][0]["field"], field, "{body}");
    }
    scene.operate("GET", &format!("/api/tenants/{tenant}/members/no")).send().await.is(400);
}
