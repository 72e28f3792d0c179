//! Migrations of the application across all tenants that have a place of their own.

use serde_json::{Value, json};
use tenantry_control::{Control, Mortal};

use crate::placing::{Ground, again};

/// Tenants of both strategies, in place.
async fn fleet(hint: &str, schemas: usize) -> (Ground, Vec<String>) {
    let ground = Ground::new(hint).await;
    let mut ids = Vec::new();
    for n in 0..schemas {
        ids.push(ground.ask(&format!("schema-{n}-x"), "schema").await);
    }
    ids.push(ground.ask("database-x", "database").await);
    ground.scene.control.work().await.unwrap();
    (ground, ids)
}

async fn begin(ground: &Ground, body: Value) -> Value {
    ground.scene.operate("POST", "/api/fleet/migrations").json(&body).send().await.is(201).body.clone()
}

async fn state(ground: &Ground, version: &str) -> Value {
    ground.get(&format!("/api/fleet/migrations/{version}")).await
}

async fn columns(ground: &Ground, id: &str) -> i64 {
    let client = ground.enter(id).await;
    let sql = "SELECT count(*) FROM pg_attribute WHERE attrelid = 'note'::regclass AND attname = 'stars'";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn every_place_is_migrated_and_those_to_come_are_of_the_new_version() {
    let (ground, ids) = fleet("fleet", 3).await;
    let sql = "ALTER TABLE note ADD stars int DEFAULT 0; CREATE TABLE badge (id int)";
    let begun = begin(&ground, json!({ "version": "v2", "sql": sql, "parallel": 3 })).await;
    assert_eq!((&begun["state"], &begun["places"]), (&json!("running"), &json!(5)));
    // one at a time
    let more = json!({ "version": "v3", "sql": "SELECT 1" });
    ground.scene.operate("POST", "/api/fleet/migrations").json(&more).send().await.is(409);
    ground.scene.control.work().await.unwrap();
    let done = state(&ground, "v2").await;
    assert_eq!((&done["state"], &done["open"], &done["failed"]), (&json!("done"), &json!(0), &json!(0)), "{done}");
    for id in &ids {
        assert_eq!(columns(&ground, id).await, 1);
        // what is new is the tenant's to use
        ground.enter(id).await.batch_execute("INSERT INTO badge VALUES (1)").await.unwrap();
    }
    for (slug, strategy) in [("late-x", "schema"), ("later-x", "database")] {
        let late = ground.ask(slug, strategy).await;
        ground.scene.control.work().await.unwrap();
        assert_eq!(columns(&ground, &late).await, 1);
    }
    let shown = ground.get("/api/fleet?pageSize=4").await;
    assert_eq!(shown["versions"], json!([{ "version": "v2", "tenants": 6 }]), "{shown}");
    assert_eq!(shown["items"].as_array().unwrap().len(), 4);
    let token = shown["nextPageToken"].as_str().unwrap();
    let rest = ground.get(&format!("/api/fleet?pageSize=4&pageToken={token}")).await;
    assert_eq!(rest["items"].as_array().unwrap().len(), 2);
    let none = ground.get("/api/fleet?version=none").await;
    assert_eq!(none["items"], json!([]));
    // a version is run once
    let same = json!({ "version": "v2", "sql": "SELECT 1" });
    assert_eq!(
        ground.scene.operate("POST", "/api/fleet/migrations").json(&same).send().await.is(409).code(),
        "DUPLICATE"
    );
    ground.end().await;
}

#[tokio::test]
async fn it_stops_at_a_failure_and_goes_on_when_told_to() {
    let (ground, ids) = fleet("stop", 3).await;
    // one of them has what the migration makes
    let client = ground.application.connect_plain().await;
    let name = format!("t_{}", ids[1].replace('-', ""));
    client.batch_execute(&format!("ALTER TABLE {name}.note ADD stars text")).await.unwrap();
    begin(&ground, json!({ "version": "v2", "sql": "ALTER TABLE note ADD stars int", "parallel": 1 })).await;
    ground.scene.control.work().await.unwrap();
    let stopped = state(&ground, "v2").await;
    assert_eq!((&stopped["state"], &stopped["failed"]), (&json!("stopped"), &json!(1)), "{stopped}");
    assert_eq!(stopped["failures"][0]["tenantId"], ids[1]);
    assert!(stopped["failures"][0]["failure"].as_str().unwrap().contains("already exists"), "{stopped}");
    client.batch_execute(&format!("ALTER TABLE {name}.note DROP stars")).await.unwrap();
    ground.scene.operate("POST", "/api/fleet/migrations/v2/resume").send().await.is(200);
    ground.scene.control.work().await.unwrap();
    assert_eq!(state(&ground, "v2").await["state"], "done");
    for id in &ids {
        assert_eq!(columns(&ground, id).await, 1);
    }
    ground.scene.operate("POST", "/api/fleet/migrations/v2/resume").send().await.is(409);
    ground.scene.operate("POST", "/api/fleet/migrations/nowhere/resume").send().await.is(404);

    // what ends its transaction is no migration, and leaves nothing behind
    begin(&ground, json!({ "version": "v3", "sql": "CREATE TABLE x (id int); ROLLBACK; BEGIN" })).await;
    ground.scene.control.work().await.unwrap();
    let refused = state(&ground, "v3").await;
    assert!(refused["failures"][0]["failure"].as_str().unwrap().contains("ends its transaction"), "{refused}");
    ground.scene.operate("POST", "/api/fleet/migrations/v3/abandon").send().await.is(200);
    ground.scene.operate("POST", "/api/fleet/migrations/v3/abandon").send().await.is(409);
    begin(&ground, json!({ "version": "v4", "sql": "SELECT 1" })).await;
    for bad in [
        json!({ "version": "", "sql": "SELECT 1" }),
        json!({ "version": "../x", "sql": "SELECT 1" }),
        json!({ "version": "none", "sql": "SELECT 1" }),
        json!({ "version": "v9", "sql": " " }),
        json!({ "version": "v9", "sql": "SELECT 1", "parallel": 0 }),
        json!({ "version": "v9", "sql": "SELECT 1", "parallel": 65 }),
        json!({ "version": "v9", "sql": "SELECT 1", "stopAfter": 0 }),
        json!({ "version": "v9", "sql": "SELECT 1", "tenant": "x" }),
        json!({ "version": "v9" }),
    ] {
        let sent = ground.scene.operate("POST", "/api/fleet/migrations").json(&bad).send().await;
        assert_eq!(sent.status, 400, "{bad}");
    }
    ground.end().await;
}

#[tokio::test]
async fn a_script_reaches_its_own_place_alone() {
    let (ground, ids) = fleet("alone", 2).await;
    let other = format!("t_{}", ids[1].replace('-', ""));
    // in the first place it would empty the second's table
    let sql = format!("DELETE FROM {other}.note");
    ground.set(json!({ "strategies": ["schema", "database"] })).await;
    begin(&ground, json!({ "version": "v2", "sql": sql, "stopAfter": 9 })).await;
    ground.scene.control.work().await.unwrap();
    let after = state(&ground, "v2").await;
    let first = after["failures"].as_array().unwrap().iter().find(|f| f["tenantId"] == ids[0]);
    assert!(first.unwrap()["failure"].as_str().unwrap().contains("42501"), "{after}");
    ground.end().await;
}

#[tokio::test]
async fn killed_at_any_moment_each_place_is_of_one_version_and_says_which() {
    let (ground, ids) = fleet("fleetkill", 1).await;
    for n in 1.. {
        let version = format!("v{n}");
        let sql = format!("CREATE TABLE made_{n} (id int)");
        begin(&ground, json!({ "version": version, "sql": sql, "parallel": 2 })).await;
        let ended = Mortal::at(n).run(ground.scene.control.work()).await;
        again(&ground).await;
        Control::start(ground.scene.settings.clone()).await.unwrap().work().await.unwrap();
        assert_eq!(state(&ground, &version).await["state"], "done", "{n}");
        for id in &ids {
            let client = ground.enter(id).await;
            client.batch_execute(&format!("INSERT INTO made_{n} VALUES (1)")).await.unwrap();
        }
        if ended {
            assert!(n > 6, "only {n} moments");
            break;
        }
    }
    ground.end().await;
}
