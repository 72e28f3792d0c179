//! The shapes of the API, and that a limit that was decided is in the application's database.

use serde_json::{Value, json};

use crate::application::Application;
use crate::scene::Scene;

#[tokio::test]
async fn a_quota_is_read_changed_and_given_back_to_the_plan() {
    let app = Application::new("quotaapp").await;
    let scene = Scene::with_application("quota", Some(app.login.clone())).await;
    let tenant = scene.tenant("acme").await;
    app.workspace(&tenant).await;
    let place = format!("/api/tenants/{tenant}/quota");
    // decided with the tenant, written by the keeper
    assert_eq!(app.of(&tenant, "segments").await.0, Some(30), "the resource's default");
    scene.control.keep_quotas().await.unwrap();
    assert_eq!(app.of(&tenant, "segments").await.0, Some(50), "the plan's limit");
    assert_eq!(app.of(&tenant, "deliveries").await.0, Some(5), "the plan says nothing of it");

    app.segments(&tenant, 12).await;
    let read = scene.operate("GET", &place).send().await;
    let quota = &read.is(200).body["quota"];
    let names: Vec<_> = quota.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        names,
        ["id", "workspaceId", "maxDeliveries", "maxSegments", "maxStorageBytes", "createdAt", "updatedAt"]
    );
    assert_eq!((&quota["workspaceId"], &quota["maxSegments"]), (&json!(tenant), &json!(50)));
    assert_eq!(quota["maxStorageBytes"], 10_737_418_240_i64);
    assert_eq!(read.body["usage"], json!({ "deliveries": 0, "segments": 12, "storageBytes": 0 }));
    assert_eq!(read.body["percentages"]["segments"], 24.0);
    assert_eq!(
        (&read.body["state"]["written"], &read.body["state"]["sources"]["segments"]),
        (&json!(true), &json!("plan"))
    );
    // the older spelling is the same
    let older = scene.operate("GET", &format!("/api/workspaces/{tenant}/quota")).send().await;
    assert_eq!(older.is(200).body, read.body);

    let put = json!({ "maxSegments": 20, "maxDeliveries": null });
    let changed = scene.operate("PUT", &place).header("if-match", &read.etag()).json(&put).send().await;
    let quota = &changed.is(200).body["quota"];
    assert_eq!((&quota["maxSegments"], &quota["maxDeliveries"]), (&json!(20), &json!(null)));
    assert_eq!(
        (&changed.body["percentages"]["segments"], &changed.body["percentages"]["deliveries"]),
        (&json!(60.0), &json!(null))
    );
    assert_eq!((app.of(&tenant, "segments").await.0, app.of(&tenant, "deliveries").await.0), (Some(20), None));
    let stale = scene.operate("PUT", &place).header("if-match", &read.etag()).json(&put).send().await;
    assert_eq!(stale.is(412).code(), "STALE");
    // the rows meet the limit, whoever makes them
    let client = app.enter(&tenant).await;
    let sql = "INSERT INTO segment (name) SELECT 'x' FROM generate_series(1, 9)";
    assert_eq!(client.batch_execute(sql).await.unwrap_err().code().map(|c| c.code()), Some("53400"));
    client.close().await;

    // another plan changes what was not chosen
    let now = scene.operate("GET", &format!("/api/tenants/{tenant}")).send().await;
    let pro = json!({ "subscription": { "plan": "pro" } });
    let patch = scene.operate("PATCH", &format!("/api/tenants/{tenant}")).header("if-match", &now.etag()).json(&pro);
    patch.send().await.is(200);
    assert_eq!(app.of(&tenant, "storageBytes").await.0, Some(107_374_182_400));
    assert_eq!(app.of(&tenant, "segments").await.0, Some(20));
    let one = scene.operate("DELETE", &format!("{place}?resource=segments")).send().await;
    assert_eq!(
        (&one.is(200).body["quota"]["maxSegments"], &one.body["quota"]["maxDeliveries"]),
        (&json!(500), &json!(null))
    );
    let all = scene.operate("DELETE", &place).send().await;
    assert_eq!(all.is(200).body["quota"]["maxDeliveries"], 5, "the resource's default again");
    assert_eq!(app.of(&tenant, "deliveries").await.0, Some(5));

    // a plan that changes reaches everybody who has it
    let plan = scene.operate("GET", "/api/plans/pro").send().await;
    let mut limits = plan.body["limits"].clone();
    limits["segments"] = json!(77);
    let change = json!({ "limits": limits });
    scene.operate("PATCH", "/api/plans/pro").header("if-match", &plan.etag()).json(&change).send().await.is(200);
    scene.control.keep_quotas().await.unwrap();
    assert_eq!(app.of(&tenant, "segments").await.0, Some(77));
    assert_eq!(app.of("11111111-1111-4111-8111-111111111111", "segments").await.0, Some(30), "not ours: left alone");
}

#[tokio::test]
async fn what_fits_is_said_and_what_does_not_is_429_with_details() {
    let app = Application::new("validateapp").await;
    let scene = Scene::with_application("validate", Some(app.login.clone())).await;
    let tenant = scene.tenant("acme").await;
    app.workspace(&tenant).await;
    scene.control.keep_quotas().await.unwrap();
    app.segments(&tenant, 48).await;
    let (_, author) = scene.key(&tenant, "Author").await;
    let ask = |body: Value| {
        scene.call("POST", &format!("/api/tenants/{tenant}/quota/validate")).key(&author).json(&body).send()
    };
    let fits = ask(json!({ "resourceType": "segments", "increment": 2 })).await;
    let wanted = json!({ "resourceType": "segments", "allowed": true, "currentUsage": 48, "limit": 50, "remaining": 2,
        "percentUsed": 96.0, "wouldExceed": false });
    assert_eq!(fits.is(200).body, wanted);
    let no = ask(json!({ "resourceType": "segments", "increment": 3 })).await;
    assert_eq!(no.is(429).code(), "QUOTA_EXCEEDED");
    let wanted = json!({ "resourceType": "segments", "currentUsage": 48, "limit": 50, "requested": 3, "remaining": 2 });
    assert_eq!(no.body["details"], wanted);
    let both = ask(json!({ "items": [{ "resourceType": "segments" }, { "resourceType": "segments" }] })).await;
    assert_eq!((&both.is(200).body["allowed"], both.body["items"].as_array().unwrap().len()), (&json!(true), 2));
    let items = json!([{ "resourceType": "segments", "increment": 2 }, { "resourceType": "segments" }]);
    let no = ask(json!({ "items": items })).await;
    assert_eq!(no.is(429).body["details"]["items"][1]["allowed"], false);
    // it is written down once, with how often
    scene.control.keep_quotas().await.unwrap();
    let log = scene.operate("GET", &format!("/api/tenants/{tenant}/audit?outcome=DENIED")).send().await;
    let entries = log.is(200).body["items"].as_array().unwrap();
    assert_eq!(
        (entries.len(), &entries[0]["action"], &entries[0]["metadata"]["count"]),
        (1, &json!("QUOTA_EXCEEDED"), &json!(2))
    );
}

#[tokio::test]
async fn room_is_reserved_committed_and_released() {
    let app = Application::new("reserveapp").await;
    let scene = Scene::with_application("reserve", Some(app.login.clone())).await;
    let tenant = scene.tenant("acme").await;
    app.workspace(&tenant).await;
    scene.control.keep_quotas().await.unwrap();
    app.segments(&tenant, 45).await;
    let (_, author) = scene.key(&tenant, "Author").await;
    let call = |what: &str, body: Value| {
        scene.call("POST", &format!("/api/tenants/{tenant}/quota/{what}")).key(&author).json(&body).send()
    };
    let made = call("reserve", json!({ "resourceType": "segments", "increment": 4, "expiresInSeconds": 60 })).await;
    let id = made.is(201).text("reservationId");
    assert!(made.body["expiresAt"].is_string());
    assert_eq!(app.of(&tenant, "segments").await, (Some(50), 45, 4));
    let no = call("reserve", json!({ "resourceType": "segments", "increment": 2 })).await;
    assert_eq!(no.is(429).body["details"]["remaining"], 1);
    assert_eq!(call("commit", json!({ "reservationId": id })).await.is(200).text("state"), "committed");
    assert_eq!(app.of(&tenant, "segments").await, (Some(50), 45, 0));
    assert_eq!(call("commit", json!({ "reservationId": id })).await.is(404).code(), "NOT_FOUND");
    // the same request sent again reserves nothing more
    let again = || {
        let body = json!({ "resourceType": "segments", "increment": 2 });
        let path = format!("/api/tenants/{tenant}/quota/reserve");
        scene.call("POST", &path).key(&author).header("idempotency-key", "once").json(&body).send()
    };
    let (first, second) = (again().await, again().await);
    assert_eq!(first.is(201).body, second.is(201).body);
    assert_eq!(app.of(&tenant, "segments").await.2, 2);
    let id = first.text("reservationId");
    // nobody else's, and the other way round
    let other = scene.tenant("other").await;
    let (_, stranger) = scene.key(&other, "Author").await;
    let path = format!("/api/tenants/{other}/quota/release");
    scene.call("POST", &path).key(&stranger).json(&json!({ "reservationId": id })).send().await.is(404);
    assert_eq!(app.of(&tenant, "segments").await.2, 2);
    assert_eq!(call("release", json!({ "reservationId": id })).await.is(200).text("state"), "released");
    assert_eq!(app.of(&tenant, "segments").await.2, 0);
}

#[tokio::test]
async fn counting_again_says_what_was_wrong_and_writes_the_limits_again() {
    let app = Application::new("recountapp").await;
    let scene = Scene::with_application("recount", Some(app.login.clone())).await;
    let tenant = scene.tenant("acme").await;
    app.workspace(&tenant).await;
    scene.control.keep_quotas().await.unwrap();
    app.segments(&tenant, 7).await;
    // past the guard, and past the control plane
    app.db.execute("UPDATE tenantry.quota SET used = 40, max_units = 9 WHERE resource = 'segments'").await;
    let path = format!("/api/tenants/{tenant}/quota/recalculate");
    let counted = scene.operate("POST", &path).json(&json!({ "resourceType": "segments" })).send().await;
    let wanted = json!([{ "resourceType": "segments", "previousUsage": 40, "currentUsage": 7, "drift": -33 }]);
    assert_eq!(counted.is(200).body["items"], wanted);
    scene.control.keep_quotas().await.unwrap();
    assert_eq!(app.of(&tenant, "segments").await, (Some(50), 7, 0));
    assert_eq!(scene.operate("POST", &path).send().await.is(200).body["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_validation_from_memory_is_only_ever_a_clear_yes() {
    let app = Application::new("memoryapp").await;
    let scene = Scene::with_application("memory", Some(app.login.clone())).await;
    let tenant = scene.tenant("acme").await;
    app.workspace(&tenant).await;
    scene.control.keep_quotas().await.unwrap();
    let (_, author) = scene.key(&tenant, "Author").await;
    // as long as it can be: what is remembered stays so for this test
    let settings =
        tenantry_control::Settings { validation_age: tenantry_control::VALIDATION_AGE_MAX, ..scene.settings.clone() };
    let scene = Scene { router: tenantry_control::Control::start(settings).await.unwrap().router(), ..scene };
    let ask = |key: String, increment: i64| {
        let body = json!({ "resourceType": "segments", "increment": increment });
        scene.call("POST", &format!("/api/tenants/{tenant}/quota/validate")).key(&key).json(&body).send()
    };
    assert_eq!(ask(author.clone(), 1).await.is(200).body["remaining"], 50);
    app.segments(&tenant, 45).await;
    // by what is remembered forty would fit, but not clearly: the database is asked
    assert_eq!(ask(author.clone(), 40).await.is(429).body["details"]["remaining"], 5);
    // another credential, or none, finds no door
    let other = scene.tenant("other").await;
    let (_, stranger) = scene.key(&other, "Author").await;
    ask(stranger, 1).await.is(404);
    ask("nobody".to_owned(), 1).await.is(401);
    let (_, viewer) = scene.key(&tenant, "Viewer").await;
    ask(viewer, 1).await.is(403);
}
