//! A plan's life, and what becomes of the tenants that have it.

use serde_json::json;

use crate::scene::Scene;

#[tokio::test]
async fn a_plan_is_made_changed_retired_and_kept_while_somebody_has_it() {
    let scene = Scene::new("plans").await;
    let all = scene.operate("GET", "/api/plans").send().await;
    let free = all.is(200).body["items"].as_array().unwrap().iter().find(|p| p["key"] == "free").unwrap().clone();
    assert_eq!(
        (&free["limits"]["segments"], &free["limits"]["storageBytes"]),
        (&json!(50), &json!(10_737_418_240_i64))
    );
    assert_eq!((free["limits"].as_object().unwrap().len(), &free["version"]), (10, &json!(1)));

    let body = json!({ "key": "team", "name": "Team", "limits": { "segments": 70, "users": null },
        "features": ["sso", "audit:export"], "grace": { "percent": 10, "hours": 24 } });
    let made = scene.operate("POST", "/api/plans").json(&body).send().await;
    assert_eq!(made.is(201).headers["location"], "/api/plans/team");
    assert_eq!(
        (made.body["limits"].clone(), made.body["features"].clone()),
        (body["limits"].clone(), json!(["audit:export", "sso"]))
    );
    scene.operate("POST", "/api/plans").json(&body).send().await.is(409);
    let read = scene.operate("GET", "/api/plans/team").send().await;
    assert_eq!(read.is(200).body, made.body);

    let change = json!({ "limits": { "segments": 80 }, "grace": null });
    scene.operate("PATCH", "/api/plans/team").json(&change).send().await.is(428);
    let changed = scene.operate("PATCH", "/api/plans/team").header("if-match", &read.etag()).json(&change).send().await;
    assert_eq!(changed.is(200).body["version"], 2);
    assert_eq!(
        (&changed.body["limits"], &changed.body["grace"], &changed.body["name"]),
        (&json!({ "segments": 80 }), &json!(null), &json!("Team"))
    );
    let stale = scene.operate("PATCH", "/api/plans/team").header("if-match", &read.etag()).json(&change).send().await;
    assert_eq!(stale.is(412).code(), "STALE");

    // a tenant's plan exists
    let none = json!({ "name": "x", "slug": "no-plan", "subscription": { "plan": "nothing" } });
    let refused = scene.operate("POST", "/api/tenants").json(&none).send().await;
    assert_eq!(refused.is(400).body["errors"][0]["field"], "subscription.plan");
    let body = json!({ "name": "x", "slug": "acme", "subscription": { "plan": "team" } });
    let tenant = scene.operate("POST", "/api/tenants").json(&body).send().await;
    let place = format!("/api/tenants/{}", tenant.is(201).text("id"));

    let tag = changed.etag();
    let delete = scene.operate("DELETE", "/api/plans/team").header("if-match", &tag).send().await;
    assert_eq!(delete.is(409).code(), "STATE_CONFLICT");
    let retired = scene.operate("POST", "/api/plans/team/retire").send().await;
    assert_eq!((retired.is(200).text("status").as_str(), &retired.body["tenants"]), ("retired", &json!(1)));
    scene.operate("POST", "/api/plans/team/retire").send().await.is(409);
    scene.operate("POST", "/api/plans/free/retire").send().await.is(409);
    // who has it keeps it, nobody new gets it
    let body = json!({ "name": "x", "slug": "late", "subscription": { "plan": "team" } });
    scene.operate("POST", "/api/tenants").json(&body).send().await.is(400);
    let now = scene.operate("GET", &place).send().await;
    assert_eq!(now.body["subscription"]["plan"], "team");
    let rename = json!({ "name": "y" });
    let now = scene.operate("PATCH", &place).header("if-match", &now.etag()).json(&rename).send().await;
    let away = json!({ "subscription": { "plan": "pro" } });
    scene.operate("PATCH", &place).header("if-match", &now.is(200).etag()).json(&away).send().await.is(200);
    scene.operate("DELETE", "/api/plans/team").header("if-match", &retired.etag()).send().await.is(204);
    scene.operate("GET", "/api/plans/team").send().await.is(404);
    let log =
        "SELECT string_agg(action, ' ' ORDER BY sequence) FROM tenantry_control.audit_entry WHERE action LIKE 'PLAN%'";
    let client = scene.database.connect().await;
    let log: String = client.query_one(log, &[]).await.unwrap().get(0);
    assert_eq!(log, "PLAN_CREATED PLAN_UPDATED PLAN_RETIRED PLAN_DELETED");
}

#[tokio::test]
async fn plans_that_do_not_fit_and_readers_that_do_not_write() {
    let scene = Scene::new("badplans").await;
    for (body, field) in [
        (json!({}), "body"),
        (json!({ "key": "a b" }), "key"),
        (json!({ "key": "a", "name": "" }), "name"),
        (json!({ "key": "a", "limits": { "segments": -1 } }), "limits.segments"),
        (json!({ "key": "a", "limits": { "segments": 1.5 } }), "limits.segments"),
        (json!({ "key": "a", "limits": { "segments": 1_000_000_000_000_000_001_i64 } }), "limits.segments"),
        (json!({ "key": "a", "limits": { "a\u{430}": 1 } }), "limits.a\u{430}"),
        (json!({ "key": "a", "limits": [] }), "limits"),
        (json!({ "key": "a", "grace": { "percent": 10 } }), "grace"),
        (json!({ "key": "a", "grace": { "percent": 101, "hours": 1 } }), "grace.percent"),
        (json!({ "key": "a", "version": 7 }), "version"),
        (json!({ "key": "a", "features": ["a b"] }), "features"),
    ] {
        let answer = scene.operate("POST", "/api/plans").json(&body).send().await;
        assert_eq!(answer.is(400).code(), "INVALID_REQUEST", "{body}");
        assert!(answer.body["detail"].as_str().unwrap().contains(field), "{body}: {:?}", answer.body);
    }
    let tenant = scene.tenant("acme").await;
    let (_, viewer) = scene.key(&tenant, "Viewer").await;
    let seen = scene.call("GET", "/api/plans/free").key(&viewer).send().await;
    assert_eq!(seen.is(200).body["tenants"], 1);
    scene.tenant("another").await;
    // what others subscribe to is nobody's business
    assert_eq!(scene.call("GET", "/api/plans/free").key(&viewer).send().await.body["tenants"], 1);
    scene.call("PATCH", "/api/plans/free").key(&viewer).json(&json!({ "limits": {} })).send().await.is(403);
    for absent in ["absent", "%00", "a%20b", "%D0%B0"] {
        scene.call("GET", &format!("/api/plans/{absent}")).key(&viewer).send().await.is(404);
    }
}
