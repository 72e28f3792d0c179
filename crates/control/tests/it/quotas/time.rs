//! Warnings, grace, days and reports.

use serde_json::{Value, json};

use crate::application::Application;
use crate::scene::Scene;

async fn told(scene: &Scene) -> Vec<String> {
    let sql = "SELECT type || ' ' || (data->>'threshold') FROM tenantry_control.outbox
               WHERE type IN ('tenantry.quota.warning', 'tenantry.quota.exceeded') ORDER BY sequence";
    scene.database.connect().await.query(sql, &[]).await.unwrap().iter().map(|r| r.get(0)).collect()
}

#[tokio::test]
async fn each_level_is_told_once_and_grace_begins_at_the_limit() {
    let app = Application::new("levelapp").await;
    let scene = Scene::with_application("level", Some(app.login.clone())).await;
    let plan = json!({ "key": "kind", "limits": { "segments": 20 }, "grace": { "percent": 10, "hours": 24 } });
    scene.operate("POST", "/api/plans").json(&plan).send().await.is(201);
    let body = json!({ "name": "x", "slug": "acme", "subscription": { "plan": "kind" } });
    let tenant = scene.operate("POST", "/api/tenants").json(&body).send().await.is(201).text("id");
    app.workspace(&tenant).await;
    scene.control.keep_quotas().await.unwrap();
    for (more, wanted) in [
        (17, vec![]),
        (1, vec!["tenantry.quota.warning 90"]),
        (0, vec!["tenantry.quota.warning 90"]),
        (1, vec!["tenantry.quota.warning 90", "tenantry.quota.warning 95"]),
        (1, vec!["tenantry.quota.warning 90", "tenantry.quota.warning 95", "tenantry.quota.exceeded 100"]),
    ] {
        app.segments(&tenant, more).await;
        scene.control.keep_quotas().await.unwrap();
        assert_eq!(told(&scene).await, wanted);
    }
    let log = scene.operate("GET", &format!("/api/tenants/{tenant}/audit?action=QUOTA_WARNING")).send().await;
    assert_eq!(log.is(200).body["items"].as_array().unwrap().len(), 2);
    // two more, for a day
    scene.control.keep_quotas().await.unwrap();
    app.segments(&tenant, 2).await;
    let refused =
        app.admin().await.batch_execute(&format!("INSERT INTO segment (workspace_id) VALUES ('{tenant}')")).await;
    assert_eq!(refused.unwrap_err().code().map(|c| c.code()), Some("53400"));
    // far below, it is over; and the next time begins anew
    app.db.execute(&format!("DELETE FROM segment WHERE workspace_id = '{tenant}'")).await;
    scene.control.keep_quotas().await.unwrap();
    scene.control.keep_quotas().await.unwrap();
    let grace = "SELECT count(*) FROM tenantry.quota_usage() WHERE grace_until IS NOT NULL";
    assert_eq!(app.admin().await.query_one(grace, &[]).await.unwrap().get::<_, i64>(0), 0);
    app.segments(&tenant, 18).await;
    scene.control.keep_quotas().await.unwrap();
    assert_eq!(told(&scene).await.len(), 4);
}

#[tokio::test]
async fn days_become_trends_a_forecast_and_a_table() {
    let app = Application::new("daysapp").await;
    let scene = Scene::with_application("days", Some(app.login.clone())).await;
    let tenant = scene.tenant("acme").await;
    app.workspace(&tenant).await;
    app.segments(&tenant, 5).await;
    scene.control.keep_quotas().await.unwrap();
    app.segments(&tenant, 5).await;
    scene.control.keep_quotas().await.unwrap();
    let days = "SELECT count(*), max(used), max(peak) FROM tenantry_control.quota_day WHERE resource = 'segments'";
    let row = scene.database.connect().await.query_one(days, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, i64>(2)), (1, 10, 10), "one row a day");
    // as if the same had been noted on days before: one segment a day
    let past = format!(
        "INSERT INTO tenantry_control.quota_day
         SELECT '{tenant}', 'segments', (now() AT TIME ZONE 'UTC')::date - n, 10 - n, 20 - n, 50 FROM generate_series(1, 9) n"
    );
    scene.database.execute(&past).await;
    let (_, viewer) = scene.key(&tenant, "Viewer").await;
    let place = format!("/api/tenants/{tenant}/quota");
    let get = |path: String| scene.call("GET", &path).key(&viewer).send();
    let seen = get(format!("{place}/analytics")).await;
    let trends = seen.is(200).body["trends"].as_array().unwrap().clone();
    assert_eq!(trends.len(), 10);
    assert_eq!((&trends[0]["usage"]["segments"], &trends[9]["usage"]["segments"]), (&json!(1), &json!(10)));
    let forecast = &seen.body["forecast"]["segments"];
    assert_eq!((&forecast["growthRate"], &forecast["daysUntilLimit"]), (&json!(1.0), &json!(40)));
    assert!(forecast["projectedDate"].is_string());
    assert_eq!(seen.body["forecast"]["storageBytes"]["daysUntilLimit"], Value::Null);
    let months = get(format!("{place}/analytics?granularity=month")).await;
    assert!(months.is(200).body["trends"].as_array().unwrap().len() <= 2);

    let table = get(format!("{place}/report?format=json&period=monthly")).await;
    let last =
        table.is(200).body["items"].as_array().unwrap().iter().rfind(|r| r["resource"] == "segments").unwrap().clone();
    assert_eq!((&last["used"], &last["limit"], &last["percentUsed"]), (&json!(10), &json!(50), &json!(20.0)));
    let csv = get(format!("{place}/report?format=csv&period=monthly")).await;
    assert_eq!(csv.is(200).headers["content-type"], "text/csv; charset=utf-8");
    for bad in [
        "analytics?startDate=x",
        "analytics?granularity=year",
        "analytics?endDate=2999-01-01",
        "report?format=xml",
        "report?period=x",
        "report?startDate=2001-01-01",
        "analytics?tenant=x",
    ] {
        assert_eq!(get(format!("{place}/{bad}")).await.is(400).code(), "INVALID_REQUEST", "{bad}");
    }
}
