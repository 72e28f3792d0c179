//! What the login may do, and what one that may do more is good for.

use serde_json::json;
use tenantry_control::Control;
use tenantry_pg::{Session, connect_with};

use crate::application::Application;
use crate::scene::Scene;

#[tokio::test]
async fn every_statement_can_be_prepared_by_the_quota_role_alone() {
    let app = Application::new("appsql").await;
    let client = connect_with(&app.login, &Session::tool()).await.unwrap();
    for sql in Control::application_statements() {
        let prepared = client.prepare(sql.text).await;
        prepared.unwrap_or_else(|e| panic!("{}: {}", sql.doing, tenantry_pg::in_plain_words(&e)));
    }
    let read = client.query("SELECT * FROM public.segment", &[]).await.unwrap_err();
    assert_eq!(read.code().map(|c| c.code()), Some("42501"));
}

#[tokio::test]
async fn a_login_that_may_do_more_is_not_used() {
    let app = Application::new("mightyapp").await;
    let scene = Scene::with_application("mighty", Some(app.db.target())).await;
    let tenant = scene.tenant("acme").await;
    let answer = scene.operate("GET", &format!("/api/tenants/{tenant}/quota")).send().await;
    assert!(answer.is(503).text("detail").contains("may do more"), "{:?}", answer.body);
    assert_eq!(app.of(&tenant, "segments").await.0, Some(30), "nothing was written");
    // nor is one that may do less
    let stranger = app.db.login("stranger", "").await;
    let scene = Scene::with_application("weak", Some(stranger)).await;
    let tenant = scene.tenant("acme").await;
    let body = json!({ "resourceType": "segments" });
    let answer = scene.operate("POST", &format!("/api/tenants/{tenant}/quota/validate")).json(&body).send().await;
    assert!(answer.is(503).text("detail").contains("{database}_quota"), "{:?}", answer.body);
}

#[tokio::test]
async fn one_tenant_sees_nothing_of_anothers_quota() {
    let scene = Scene::new("quotawall").await;
    let (a, b) = (scene.tenant("aa").await, scene.tenant("bb").await);
    let fill = format!(
        "INSERT INTO tenantry_control.quota_override (tenant_id, resource, max_units) VALUES ('{a}', 's', 1), ('{b}', 's', 1);
         INSERT INTO tenantry_control.quota_level (tenant_id, resource, level) VALUES ('{a}', 's', 90), ('{b}', 's', 90);
         INSERT INTO tenantry_control.quota_day (tenant_id, resource, day, used, peak) VALUES ('{a}', 's', now(), 1, 1), ('{b}', 's', now(), 1, 1)"
    );
    scene.database.execute(&fill).await;
    let name = format!("{}_control_api", scene.database.name());
    scene.database.execute(&format!("ALTER ROLE \"{name}\" PASSWORD 'test-only'")).await;
    let client = connect_with(&scene.database.target().with_login(&name, "test-only"), &Session::tool()).await.unwrap();
    client.batch_execute(&format!("BEGIN; SET LOCAL tenantry_control.tenant = '{a}'")).await.unwrap();
    for table in ["quota", "quota_override", "quota_level", "quota_day"] {
        let sql = format!("SELECT count(*), count(*) FILTER (WHERE tenant_id = '{b}') FROM tenantry_control.{table}");
        let row = client.query_one(&sql, &[]).await.unwrap();
        assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1, 0), "{table}");
    }
    client.batch_execute("ROLLBACK").await.unwrap();
    for sql in ["UPDATE tenantry_control.plan SET limits = '{}'", "DELETE FROM tenantry_control.quota_resource"] {
        assert_eq!(client.batch_execute(sql).await.unwrap_err().code().map(|c| c.code()), Some("42501"), "{sql}");
    }
}
