//! The process dies between two steps, or the application's database is away: a limit that was decided is written,
//! whole, and one that was not decided never is.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use serde_json::json;
use tenantry_control::Control;
use tenantry_control::ablation::{DIES, Moment};

use crate::application::Application;
use crate::scene::Scene;

/// What the application's database has: one limit down, one up.
async fn limits(app: &Application, tenant: &str) -> (Option<i64>, Option<i64>) {
    (app.of(tenant, "segments").await.0, app.of(tenant, "deliveries").await.0)
}

#[tokio::test]
async fn whoever_dies_at_any_step_leaves_all_or_nothing() {
    let app = Application::new("crashapp").await;
    let scene = Scene::with_application("crash", Some(app.login.clone())).await;
    let tenant = scene.tenant("acme").await;
    app.workspace(&tenant).await;
    scene.control.keep_quotas().await.unwrap();
    let place = format!("/api/tenants/{tenant}/quota");
    let mut before = (50, 5);
    for (n, moment) in [Moment::Decided, Moment::Put, Moment::Committed, Moment::Written].into_iter().enumerate() {
        let after = (40 - n as i64, 20 + n as i64);
        let put = json!({ "maxSegments": after.0, "maxDeliveries": after.1 });
        let died = AssertUnwindSafe(DIES.scope(moment, scene.operate("PUT", &place).json(&put).send()));
        // the test's own check that no answer is 500 panics with it: both mean that the task is dead
        assert!(died.catch_unwind().await.is_err(), "{moment:?} was not reached");
        let there = limits(&app, &tenant).await;
        let is_decided = matches!(moment, Moment::Committed | Moment::Written);
        let is_written = moment == Moment::Written;
        let expected = if is_written { after } else { before };
        assert_eq!(there, (Some(expected.0), Some(expected.1)), "at {moment:?}: never half");
        // another process comes up
        let again = Control::start(scene.settings.clone()).await.unwrap();
        scene.database.execute("UPDATE tenantry_control.quota SET next_try_at = now()").await;
        again.keep_quotas().await.unwrap();
        let expected = if is_decided { after } else { before };
        assert_eq!(limits(&app, &tenant).await, (Some(expected.0), Some(expected.1)), "after {moment:?}");
        let shown = scene.operate("GET", &place).send().await;
        assert_eq!(
            (&shown.is(200).body["quota"]["maxSegments"], &shown.body["state"]["written"]),
            (&json!(expected.0), &json!(true))
        );
        before = expected;
    }
}

#[tokio::test]
async fn a_limit_that_is_decided_while_the_database_is_away_is_written_when_it_is_back() {
    let app = Application::new("awayapp").await;
    let scene = Scene::with_application("away", Some(app.login.clone())).await;
    let tenant = scene.tenant("acme").await;
    app.workspace(&tenant).await;
    scene.control.keep_quotas().await.unwrap();
    let login = app.login.user().to_owned();
    let shut = format!(
        "ALTER ROLE \"{login}\" NOLOGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{login}'"
    );
    app.db.execute(&shut).await;
    let place = format!("/api/tenants/{tenant}/quota");
    // what needs the numbers fails, and says why; what decides does not
    assert_eq!(scene.operate("GET", &place).send().await.is(503).code(), "UNAVAILABLE");
    let put = scene.operate("PUT", &place).json(&json!({ "maxSegments": 44 })).send().await;
    assert_eq!((&put.is(202).body["quota"]["maxSegments"], &put.body["usage"]), (&json!(44), &json!(null)));
    assert_eq!(put.body["state"]["written"], false);
    let body = json!({ "name": "late", "slug": "late", "subscription": { "plan": "pro" } });
    let late = scene.operate("POST", "/api/tenants").json(&body).send().await.is(201).text("id");
    assert!(scene.control.keep_quotas().await.is_err());
    assert_eq!(app.of(&tenant, "segments").await.0, Some(50));

    app.db.execute(&format!("ALTER ROLE \"{login}\" LOGIN")).await;
    scene.database.execute("UPDATE tenantry_control.quota SET next_try_at = now()").await;
    scene.control.keep_quotas().await.unwrap();
    assert_eq!((app.of(&tenant, "segments").await.0, app.of(&late, "segments").await.0), (Some(44), Some(500)));
    let shown = scene.operate("GET", &place).send().await;
    assert_eq!(
        (&shown.is(200).body["state"]["written"], &shown.body["state"]["failure"]),
        (&json!(true), &json!(null))
    );
}
