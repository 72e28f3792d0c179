//! A deleted tenant whose time is over: its rows, its place and what the control plane knew of it go, and nobody else's.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tenantry_blueprint::classify::classify;
use tenantry_blueprint::plan;
use tenantry_blueprint::registry::Registry;
use tenantry_control::{Application, Control, Mortal};
use tenantry_engine::apply::{self, Silent};
use tenantry_engine::credentials::Credentials;
use tenantry_engine::inspect;
use tenantry_model::token::ContextKey;
use tenantry_testkit::{Database, ablation, postgres};

use crate::placing::Ground;
use crate::scene::Scene;

/// An isolated application, and what the control plane is told of it.
pub(crate) async fn isolated(hint: &str) -> (Database, Application) {
    let db = postgres(15).database(hint).await;
    db.execute(ablation::SCENE).await;
    let registry = Registry::parse(ablation::REGISTRY).unwrap();
    let client = db.connect().await;
    let catalog = inspect::read(&client).await.unwrap();
    client.close().await;
    let blueprint = plan::plan(&catalog, &classify(&catalog, &registry), &registry, &plan::Options::default());
    let folder = tempfile::tempdir().unwrap();
    let options = apply::Options {
        credentials: folder.path().join("credentials.json"),
        allow_old_server: true,
        lock_out_old_logins: true,
        ..apply::Options::default()
    };
    apply::apply(&db.target(), &blueprint, &options, &Silent).await.unwrap();
    apply::complete(&db.target(), &options, &Silent).await.unwrap();
    let key = Credentials::read(&options.credentials).unwrap().signing_key.clone();
    let key = Arc::new(ContextKey::from_hex(key.kid, &key.key).unwrap());
    let known = Application { target: db.target(), context_key: Some(key), runtime: None };
    (db, known)
}

async fn number(db: &Database, sql: &str) -> i64 {
    db.connect_plain().await.query_one(sql, &[]).await.unwrap_or_else(|e| panic!("{sql}: {e:?}")).get(0)
}

const TABLES: [&str; 10] =
    ["workspace", "member", "team", "card", "project", "task", "remark", "note", "event", "metric"];

/// Rows of every table, of one workspace or of all others.
async fn rows(db: &Database, workspace: &str, own: bool) -> Vec<i64> {
    let is = if own { "=" } else { "<>" };
    let mut all = Vec::new();
    for table in TABLES {
        let sql = match table {
            "workspace" => format!("SELECT count(*) FROM workspace WHERE id {is} '{workspace}'"),
            "remark" => format!(
                "SELECT count(*) FROM remark r JOIN task t ON t.id = r.task_id WHERE t.workspace_id {is} '{workspace}'"
            ),
            _ => format!("SELECT count(*) FROM {table} WHERE workspace_id {is} '{workspace}'"),
        };
        all.push(number(db, &sql).await);
    }
    all
}

/// Lets a tenant's time be over.
async fn over(scene: &Scene, id: &str) {
    let sql = format!("UPDATE tenantry_control.tenant SET erase_at = now() WHERE id = '{id}'");
    scene.database.execute(&sql).await;
}

async fn delete(scene: &Scene, id: &str) {
    let path = format!("/api/tenants/{id}");
    let now = scene.operate("GET", &path).send().await;
    scene.operate("DELETE", &path).header("if-match", &now.etag()).send().await.is(200);
}

/// A shared application, a tenant with all its rows under the id of its own, and a neighbour.
async fn shared(hint: &str) -> (Scene, Database, String, String) {
    let (db, known) = isolated(&format!("{hint}_app")).await;
    let scene = Scene::with_places(hint, BTreeMap::from([("main".to_owned(), known)])).await;
    let body = json!({ "name": "main", "strategies": ["shared"] });
    scene.operate("POST", "/api/databases").json(&body).send().await.is(201);
    let (own, other) = (workspace(&scene, &db, "own-x", 1).await, workspace(&scene, &db, "other-x", 2).await);
    (scene, db, own, other)
}

/// A tenant whose id the scene's workspace of this number gets.
async fn workspace(scene: &Scene, db: &Database, slug: &str, n: u32) -> String {
    let id = scene.tenant(slug).await;
    let tables = ["member", "team", "card", "project", "task", "note", "event", "metric"];
    let moved: String = tables
        .iter()
        .map(|t| format!("UPDATE {t} SET workspace_id = '{id}' WHERE workspace_id = md5('w{n}')::uuid;"))
        .collect();
    // the column that the blueprint added
    let remark = format!("UPDATE remark SET tenantry_tenant_id = '{id}' WHERE tenantry_tenant_id = md5('w{n}')::uuid;");
    let sql = format!(
        "SET session_replication_role = replica; UPDATE workspace SET id = '{id}' WHERE id = md5('w{n}')::uuid; {moved} {remark}"
    );
    db.execute(&sql).await;
    id
}

fn table<'a>(proof: &'a Value, name: &str) -> &'a Value {
    let list = proof["erased"].as_array().unwrap();
    list.iter().find(|e| e["table"] == name).unwrap_or_else(|| panic!("{name} in {proof}"))
}

#[tokio::test]
async fn a_shared_tenants_rows_go_and_nobody_elses() {
    let (scene, db, own, other) = shared("rows").await;
    let (_, key) = scene.key(&own, "Admin").await;
    // what another part of the control plane knows of it
    let more = "CREATE TABLE tenantry_control.later (tenant_id uuid NOT NULL, note text);
         SELECT tenantry_control.protect('tenantry_control.later', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT');
         INSERT INTO tenantry_control.later SELECT id, 'x' FROM tenantry_control.tenant";
    scene.database.execute(more).await;
    Control::start(scene.settings.clone()).await.unwrap();
    let (before, neighbours) = (rows(&db, &own, true).await, rows(&db, &own, false).await);
    assert!(before.iter().all(|n| *n > 0), "{before:?}");
    delete(&scene, &own).await;
    // in its time of grace nothing happens, and it can be restored
    scene.control.work().await.unwrap();
    assert_eq!(rows(&db, &own, true).await, before);
    scene.operate("POST", &format!("/api/tenants/{own}/restore")).send().await.is(200);
    scene.control.work().await.unwrap();
    assert_eq!(rows(&db, &own, true).await, before);

    delete(&scene, &own).await;
    over(&scene, &own).await;
    scene.control.work().await.unwrap();
    assert_eq!(rows(&db, &own, true).await.iter().sum::<i64>(), 0);
    assert_eq!(rows(&db, &own, false).await, neighbours);
    let place = format!("/api/tenants/{own}");
    let tenant = scene.operate("GET", &place).send().await;
    assert_eq!((tenant.is(200).text("status").as_str(), tenant.text("name").as_str()), ("erased", "erased"));
    scene.operate("POST", &format!("{place}/restore")).send().await.is(409);
    let now = scene.operate("GET", &place).send().await;
    scene.operate("DELETE", &place).header("if-match", &now.etag()).send().await.is(409);
    let change = json!({ "slug": "own-x" });
    scene.operate("PATCH", &place).header("if-match", &now.etag()).json(&change).send().await.is(409);
    scene.call("GET", &place).key(&key).send().await.is(401);
    // the slug rests from now on
    let again = json!({ "name": "x", "slug": "own-x" });
    assert_eq!(scene.operate("POST", "/api/tenants").json(&again).send().await.is(409).code(), "SLUG_TAKEN");
    let proof = scene.operate("GET", &format!("{place}/erasure")).send().await;
    assert!(proof.is(200).body["endedAt"].is_string());
    let project = table(&proof.body, "public.project");
    assert_eq!((&project["before"], &project["after"]), (&json!(3), &json!(0)));
    assert_eq!(table(&proof.body, "public.remark")["before"], 6);
    assert_eq!(table(&proof.body, "api_key")["before"], 1);
    assert_eq!(table(&proof.body, "later")["before"], 1);
    let left = "SELECT count(*) FROM tenantry_control.later";
    assert_eq!(number(&scene.database, left).await, 1);
    // the audit log has the proof; and lists do not show who is gone
    let client = scene.database.connect().await;
    let sql = "SELECT metadata FROM tenantry_control.audit_entry WHERE action = 'TENANT_ERASED'";
    let entry: Value = client.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(entry["erased"], proof.body["erased"]);
    let all = scene.operate("GET", "/api/tenants").send().await;
    assert_eq!(all.is(200).body["items"].as_array().unwrap().len(), 1);
    assert_eq!(all.body["items"][0]["id"], *other);
    let gone = scene.operate("GET", "/api/tenants?status=erased").send().await;
    assert_eq!(gone.is(200).body["items"].as_array().unwrap().len(), 1);
    assert!(!scene.control.directory_if_changed(0).await.unwrap().unwrap().text.contains(&own));
}

#[tokio::test]
async fn killed_at_any_moment_a_tenant_is_erased_all_the_same() {
    let (scene, db, own, other) = shared("erasekill").await;
    let _ = other;
    let neighbours = rows(&db, &own, false).await;
    delete(&scene, &own).await;
    over(&scene, &own).await;
    let mut died = 0;
    // at the first moment, then at the second of what is left, and so on
    for n in 1.. {
        let ended = Mortal::at(n).run(scene.control.work()).await;
        let sql = "UPDATE tenantry_control.task SET due_at = now(), leased_until = now() - interval '1 second' WHERE ended_at IS NULL";
        scene.database.execute(sql).await;
        if ended
            && number(&scene.database, "SELECT count(*) FROM tenantry_control.task WHERE ended_at IS NULL").await == 0
        {
            break;
        }
        died += 1;
        assert!(n < 500, "it comes to no end");
    }
    assert!(died >= 4, "only {died} moments");
    assert_eq!(rows(&db, &own, true).await.iter().sum::<i64>(), 0);
    assert_eq!(rows(&db, &own, false).await, neighbours);
    let proof = scene.operate("GET", &format!("/api/tenants/{own}/erasure")).send().await;
    assert_eq!(table(&proof.is(200).body, "public.project")["before"], 3);
    let once = "SELECT count(*) FROM tenantry_control.audit_entry WHERE action = 'TENANT_ERASED'";
    assert_eq!(number(&scene.database, once).await, 1);
}

#[tokio::test]
async fn a_wall_that_does_not_hold_is_not_relied_on() {
    let (scene, db, own, _) = shared("nowall").await;
    let all = rows(&db, &own, false).await;
    delete(&scene, &own).await;
    over(&scene, &own).await;
    // the group would see every tenant's rows
    let role = db.role("rt");
    db.execute(&format!("ALTER ROLE \"{role}\" BYPASSRLS")).await;
    scene.control.work().await.unwrap();
    assert_eq!(rows(&db, &own, false).await, all);
    let progress = scene.operate("GET", &format!("/api/tenants/{own}/placement")).send().await;
    let why = progress.is(200).body["work"]["failure"].as_str().unwrap().to_owned();
    assert!(why.contains("do not hold"), "{why}");
    db.execute(&format!("ALTER ROLE \"{role}\" NOBYPASSRLS")).await;
    scene.database.execute("UPDATE tenantry_control.task SET due_at = now() WHERE ended_at IS NULL").await;
    scene.control.work().await.unwrap();
    assert_eq!(rows(&db, &own, true).await.iter().sum::<i64>(), 0);
    assert_eq!(rows(&db, &own, false).await, all);
}

#[tokio::test]
async fn a_place_of_its_own_goes_with_its_roles_also_when_killed() {
    let ground = Ground::new("erasure").await;
    for strategy in ["schema", "database"] {
        for n in 1.. {
            let id = ground.ask(&format!("{strategy}-{n}-x"), strategy).await;
            ground.scene.control.work().await.unwrap();
            let client = ground.enter(&id).await;
            client.batch_execute("INSERT INTO \"Person\" (name) VALUES ('ada')").await.unwrap();
            delete(&ground.scene, &id).await;
            over(&ground.scene, &id).await;
            let ended = Mortal::at(n).run(ground.scene.control.work()).await;
            crate::placing::again(&ground).await;
            assert_eq!((ground.status(&id).await.as_str(), ground.traces(&id).await), ("erased", 0), "{strategy} {n}");
            let proof = ground.get(&format!("/api/tenants/{id}/erasure")).await;
            let own =
                proof["erased"].as_array().unwrap().iter().find(|e| e["table"].as_str().unwrap().ends_with(".Person"));
            let before = if strategy == "schema" { 1 } else { 2 };
            assert_eq!(
                own.map(|e| (e["before"].clone(), e["after"].clone())),
                Some((json!(before), json!(0))),
                "{proof}"
            );
            if ended {
                assert!(n > 5, "only {n} moments");
                break;
            }
        }
    }
    ground.end().await;
}
