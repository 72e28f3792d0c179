//! Templates that are isolated themselves: a schema's copy is the wall, a database's copy keeps the one it has.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use tenantry_model::TenantKey;
use tenantry_model::token::SessionClaims;
use tenantry_pg::{Client, Session, Target, connect_with};
use tenantry_testkit::{Database, postgres};

use crate::erasing::isolated;
use crate::scene::Scene;

async fn login(scene: &Scene, server: &Database, id: &str) -> Target {
    let shown = scene.operate("POST", &format!("/api/tenants/{id}/login")).send().await;
    let target = server.target().with_database(&shown.is(200).text("database"));
    target.with_login(&shown.text("user"), &shown.text("password"))
}

async fn tenant(scene: &Scene, slug: &str, strategy: &str) -> String {
    let body = json!({ "name": slug, "slug": slug, "isolationStrategy": strategy });
    let id = scene.operate("POST", "/api/tenants").json(&body).send().await.is(201).text("id");
    scene.control.work().await.unwrap();
    let now = scene.operate("GET", &format!("/api/tenants/{id}")).send().await;
    assert_eq!(now.body["status"], "active", "{:?}", now.body);
    id
}

async fn count(client: &Client, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    client.query_one(&sql, &[]).await.unwrap_or_else(|e| panic!("{table}: {}", tenantry_pg::in_plain_words(&e))).get(0)
}

#[tokio::test]
async fn a_schema_of_an_isolated_template_needs_no_context() {
    let (db, known) = isolated("isoschema").await;
    // it names the schema in its text
    db.execute("DROP FUNCTION count_projects()").await;
    let scene = Scene::with_places("isos", BTreeMap::from([("main".to_owned(), known)])).await;
    let body = json!({ "name": "main", "strategies": ["schema"], "templateSchema": "public" });
    scene.operate("POST", "/api/databases").json(&body).send().await.is(201);
    let id = tenant(&scene, "own-x", "schema").await;
    let client = connect_with(&login(&scene, &db, &id).await, &Session::plain()).await.unwrap();
    let sql =
        format!("INSERT INTO workspace (id, name) VALUES ('{id}', 'own'); INSERT INTO project (name) VALUES ('p')");
    client.batch_execute(&sql).await.unwrap();
    let whose: String = client.query_one("SELECT workspace_id::text FROM project", &[]).await.unwrap().get(0);
    assert_eq!((count(&client, "workspace").await, whose), (1, id));
    // the shared tables are another's
    for table in ["public.project", "tenantry.signing_key"] {
        let refused = client.batch_execute(&format!("SELECT * FROM {table}")).await.unwrap_err();
        assert_eq!(refused.code().map(|c| c.code()), Some("42501"), "{table}");
    }
}

#[tokio::test]
async fn a_database_of_an_isolated_template_keeps_its_wall() {
    let (template, known) = isolated("isodb").await;
    let server = postgres(15).database("isodb_home").await;
    let key = known.context_key.clone().unwrap();
    let home = tenantry_control::Application { target: server.target(), ..known };
    let scene = Scene::with_places("isod", BTreeMap::from([("main".to_owned(), home)])).await;
    let body = json!({ "name": "main", "strategies": ["database"], "templateDatabase": template.name() });
    scene.operate("POST", "/api/databases").json(&body).send().await.is(201);
    let id = tenant(&scene, "own-x", "database").await;
    let own = login(&scene, &server, &id).await;
    let client = connect_with(&own, &Session::plain()).await.unwrap();
    let refused = client.batch_execute("SELECT * FROM project").await.unwrap_err();
    assert_eq!(refused.code().map(|c| c.code()), Some("42501"));
    // with a context, the rows of that tenant and no others
    let session_no: i64 = client.query_one("SELECT tenantry.bind_session()", &[]).await.unwrap().get(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed();
    let workspace = client.query_one("SELECT md5('w1')::uuid", &[]).await.unwrap().get(0);
    let claims =
        SessionClaims { tenant: TenantKey::Uuid(workspace), scope: None, expires_at: now + 30, counter: 1, session_no };
    let token = key.sign_session(&claims).unwrap();
    client.batch_execute("BEGIN").await.unwrap();
    client.query("SELECT tenantry.enter($1)", &[&token]).await.unwrap();
    assert_eq!((count(&client, "project").await, count(&client, "workspace").await), (3, 1));
    client.batch_execute("COMMIT").await.unwrap();
    // in the template, which the group may enter, there is nothing for it either
    if let Ok(client) = connect_with(&own.with_database(template.name()), &Session::plain()).await {
        let refused = client.batch_execute("SELECT * FROM project").await.unwrap_err();
        assert_eq!(refused.code().map(|c| c.code()), Some("42501"));
    }
    drop(client);
    let name = own.database().to_owned();
    server.execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
}
