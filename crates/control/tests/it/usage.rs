//! What tenants used: reported, added up, sampled, and honest about what nobody knows.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tenantry_control::{Control, SampledTable};

use crate::scene::Scene;

fn report(tenant: &str, source: &str, used: Value) -> Value {
    let now = Timestamp::now();
    json!({
        "id": uuid::Uuid::now_v7(), "source": source, "from": now - SignedDuration::from_secs(60), "to": now,
        "tenants": { tenant: used },
    })
}

async fn send(scene: &Scene, report: &Value) -> Value {
    scene.operate("POST", "/api/usage/reports").json(report).send().await.is(200).body.clone()
}

fn why(document: &Value, field: &str) -> bool {
    document["unknown"]
        .as_array()
        .unwrap()
        .iter()
        .any(|u| u["field"] == field && !u["why"].as_str().unwrap().is_empty())
}

/// Every null has its reason.
fn is_honest(document: &Value) {
    let nulls = |value: &Value, path: &str| {
        let fields = value.as_object().unwrap().iter().filter(|(_, v)| v.is_null());
        fields.map(|(name, _)| format!("{path}{name}")).collect::<Vec<_>>()
    };
    let mut all = nulls(document, "");
    for inner in ["totals", "used"].iter().filter(|name| document[**name].is_object()) {
        all.extend(nulls(&document[*inner], &format!("{inner}.")));
    }
    if document["storage"].is_object() {
        all.extend(nulls(&document["storage"], "storage.").into_iter().filter(|n| n != "storage.sampledAt"));
    }
    for null in all {
        assert!(why(document, &null), "{null} is null, and nobody says why: {document}");
    }
}

#[tokio::test]
async fn reports_are_added_up_once_by_hour_and_day() {
    let scene = Scene::new("usage").await;
    let (a, b) = (scene.tenant("aa").await, scene.tenant("bb").await);
    let (_, viewer) = scene.key(&a, "Viewer").await;
    let usage = format!("/api/tenants/{a}/usage");
    let nothing = scene.call("GET", &usage).key(&viewer).send().await;
    assert_eq!(nothing.is(200).body["totals"]["requests"], Value::Null, "nobody counted: no zero");
    is_honest(&nothing.body);
    is_honest(&scene.operate("GET", &format!("/api/tenants/{a}/metrics")).send().await.is(200).body);

    let first =
        report(&a, "gateway", json!({ "requests": 5, "serverMicros": 2_500_000, "cacheHits": 3, "cacheMisses": 1 }));
    assert_eq!(send(&scene, &first).await["taken"], true);
    assert_eq!(send(&scene, &first).await["taken"], false, "the same report again adds nothing");
    send(&scene, &report(&a, "proxy", json!({ "statements": 10, "errors": 1, "rows": 7, "serverMicros": 500_000 })))
        .await;
    send(&scene, &report(&b, "gateway", json!({ "requests": 1000 }))).await;
    send(&scene, &report("nobody", "gateway", json!({ "requests": 1000 }))).await;

    for granularity in ["hour", "day"] {
        let seen = scene.call("GET", &format!("{usage}?granularity={granularity}")).key(&viewer).send().await;
        let totals = &seen.is(200).body["totals"];
        assert_eq!((&totals["requests"], &totals["statements"], &totals["errors"]), (&json!(5), &json!(10), &json!(1)));
        assert_eq!((&totals["serverSeconds"], &totals["cacheHits"]), (&json!(3.0), &json!(3)));
        assert!(!seen.body["points"].as_array().unwrap().is_empty());
        is_honest(&seen.body);
    }
    let metrics = scene.call("GET", &format!("/api/tenants/{a}/metrics")).key(&viewer).send().await;
    assert_eq!((&metrics.is(200).body["errorRate"], &metrics.body["cacheHitRate"]), (&json!(0.1), &json!(0.75)));
    assert_eq!(metrics.body["millisecondsPerStatement"], json!(300.0));
    is_honest(&metrics.body);
    // another tenant's is not there
    scene.call("GET", &format!("/api/tenants/{b}/usage")).key(&viewer).send().await.is(404);
    scene.call("POST", "/api/usage/reports").key(&viewer).json(&first).send().await.is(403);
    for query in [
        "granularity=minute",
        "from=x",
        "from=2030-01-01T00:00:00Z&to=2029-01-01T00:00:00Z",
        "from=1990-01-01T00:00:00Z",
        "x=1",
    ] {
        scene.operate("GET", &format!("{usage}?{query}")).send().await.is(400);
    }
}

#[tokio::test]
async fn the_applications_database_is_looked_at() {
    let (scene, control) = Scene::with_settings("sample", |_| {}).await;
    let (a, b) = (scene.tenant("aa").await, scene.tenant("bb").await);
    // an application's database is just another one here
    scene
        .database
        .execute(&format!(
            "CREATE TABLE public.note (id int PRIMARY KEY, tenant uuid, body text);
             INSERT INTO public.note SELECT n, '{a}', repeat('x', 100) FROM generate_series(1, 300) n;
             INSERT INTO public.note SELECT n, '{b}', repeat('x', 100) FROM generate_series(301, 400) n;
             INSERT INTO public.note VALUES (0, NULL, 'of nobody');
             CREATE TABLE public.line (id int PRIMARY KEY, note int REFERENCES public.note);
             INSERT INTO public.line SELECT n, n FROM generate_series(1, 10) n;
             CREATE SCHEMA tenantry;
             CREATE FUNCTION tenantry.quota_usage(p_tenant uuid DEFAULT NULL)
                 RETURNS TABLE (tenant uuid, resource text, used bigint) LANGUAGE sql
                 AS $$ SELECT '{a}'::uuid, 'messagesPerMonth', 42::bigint $$"
        ))
        .await;
    let table = |name: &str, joins: &str, tenant: &str| SampledTable {
        name: format!("public.{name}"),
        from: format!("\"public\".\"{name}\""),
        joins: joins.to_owned(),
        tenant: tenant.to_owned(),
    };
    let tables = [
        table("note", "", "t.tenant"),
        table("line", "JOIN \"public\".\"note\" AS h0 ON h0.id = t.note", "h0.tenant"),
        table("gone", "", "t.tenant"),
    ];
    let application = scene.database.target();
    let hour = Duration::from_secs(3_600);
    let seen = control.sample(&application, &tables, hour).await.unwrap().unwrap();
    assert_eq!((seen.tables, seen.failed, seen.resources), (2, 1, 1));
    assert_eq!(control.sample(&application, &tables, hour).await.unwrap(), None, "not twice in an hour");
    let other = Control::start(scene.settings.clone()).await.unwrap();
    assert_eq!(other.sample(&application, &tables, hour).await.unwrap(), None, "whoever asks");
    let usage = scene.operate("GET", &format!("/api/tenants/{a}/usage")).send().await;
    let storage = &usage.is(200).body["storage"];
    assert_eq!((&storage["rows"], &storage["isEstimate"]), (&json!(310), &json!(false)));
    assert!(storage["bytes"].as_i64().unwrap() > 30_000, "{storage}");
    assert_eq!(storage["tables"][0]["name"], "public.note");
    assert_eq!((&usage.body["messages"], usage.body["storageByDay"].as_array().unwrap().len()), (&json!(42), 1));
    is_honest(&usage.body);
    let of_b = scene.operate("GET", &format!("/api/tenants/{b}/metrics")).send().await;
    assert_eq!((&of_b.is(200).body["rows"], &of_b.body["messages"]), (&json!(100), &Value::Null));
    is_honest(&of_b.body);
    // what is gone from there is gone from here with the next look
    scene.database.execute(&format!("DELETE FROM line; DELETE FROM note WHERE tenant = '{b}'")).await;
    control.sample(&application, &tables, Duration::ZERO).await.unwrap().unwrap();
    let of_b = scene.operate("GET", &format!("/api/tenants/{b}/metrics")).send().await;
    assert_eq!(of_b.body["rows"], json!(0));
}
