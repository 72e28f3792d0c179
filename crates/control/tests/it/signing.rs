//! Signing keys of the tenant context, in an application's database: made, overlapping, taken back, and really so.

use serde_json::json;
use tenantry_control::{Control, Settings};
use tenantry_model::token::ContextKey;
use tenantry_testkit::{Database, postgres};

use crate::scene::Scene;

/// An application's database with the table of keys as `tenantry apply` makes it, and one key in it.
async fn application() -> Database {
    let database = postgres(15).database("signing").await;
    let keeper = format!("{}_keeper", database.name());
    let storage = include_str!("../../../blueprint/src/context/storage.sql").split("--;").next().unwrap();
    let sql = format!(
        "CREATE ROLE \"{keeper}\" NOLOGIN; CREATE SCHEMA tenantry AUTHORIZATION \"{keeper}\"; SET ROLE \"{keeper}\";
         {storage}; INSERT INTO tenantry.signing_key (kid, ipad, opad) VALUES (1, sha512('a'), sha512('b')); RESET ROLE"
    );
    database.execute(&sql).await;
    database
}

#[tokio::test]
async fn a_key_is_made_with_an_overlap_and_taken_back() {
    let scene = Scene::new("keeper").await;
    let unknown = scene.operate("GET", "/api/signing-keys").send().await;
    assert_eq!(unknown.is(409).code(), "STATE_CONFLICT");
    let application = application().await;
    let settings = Settings { keeper: Some(application.target()), ..scene.settings.clone() };
    let scene = Scene { router: Control::start(settings).await.unwrap().router(), ..scene };
    let list = async || scene.operate("GET", "/api/signing-keys").send().await.is(200).body["items"].clone();
    assert_eq!(list().await, json!([{ "kid": 1, "notAfter": null, "counts": true }]));
    let only = scene.operate("DELETE", "/api/signing-keys/1").send().await;
    assert_eq!(only.is(409).code(), "STATE_CONFLICT");

    let rotate = |body: serde_json::Value| scene.operate("POST", "/api/signing-keys/rotate").json(&body).send();
    let made = rotate(json!({ "overlapSeconds": 3600 })).await;
    assert_eq!((&made.is(201).body["kid"], &made.body["replaced"]), (&json!(2), &json!([1])));
    // what the database has is what signs with this key
    let key = made.text("key");
    let pads = ContextKey::from_hex(2, &key).unwrap().pads();
    let client = application.connect().await;
    let row = client.query_one("SELECT ipad, opad FROM tenantry.signing_key WHERE kid = 2", &[]).await.unwrap();
    assert_eq!((row.get::<_, Vec<u8>>(0), row.get::<_, Vec<u8>>(1)), (pads.ipad.to_vec(), pads.opad.to_vec()));
    let now = list().await;
    assert!(now[0]["notAfter"].is_string() && now[0]["counts"] == true && now[1]["notAfter"].is_null(), "{now}");

    scene.operate("DELETE", "/api/signing-keys/1").send().await.is(204);
    scene.operate("DELETE", "/api/signing-keys/1").send().await.is(404);
    scene.operate("DELETE", "/api/signing-keys/77").send().await.is(404);
    scene.operate("DELETE", "/api/signing-keys/x").send().await.is(400);
    assert_eq!(list().await[0]["counts"], false);
    rotate(json!({ "overlapSeconds": 2_592_001 })).await.is(400);
    // at once: two who rotate at the same time get two numbers, and a shorter overlap is not made longer
    let (one, two) = tokio::join!(rotate(json!({ "overlapSeconds": 0 })), rotate(json!({ "overlapSeconds": 0 })));
    let mut kids = [one.is(201).body["kid"].clone(), two.is(201).body["kid"].clone()];
    kids.sort_by_key(|k| k.as_i64());
    assert_eq!(kids, [json!(3), json!(4)]);
    let counting: Vec<_> = list().await.as_array().unwrap().iter().filter(|k| k["counts"] == true).cloned().collect();
    assert_eq!(counting.len(), 1);

    let log = scene.actions("SIGNING_KEY%", 4).await;
    assert_eq!(log.len(), 4);
    assert!(!log.iter().any(|l| l.2.to_string().contains(&key)), "no key stands in the log");
    // nor in the control plane's own database
    let own = scene.database.connect().await;
    let kept = "SELECT coalesce(string_agg(i::text, ''), '') FROM tenantry_control.idempotency i";
    assert!(!own.query_one(kept, &[]).await.unwrap().get::<_, String>(0).contains(&key));
    drop((client, own));
    drop(application);
}

#[tokio::test]
async fn a_database_that_has_no_keys_or_a_login_that_may_not_is_said() {
    let bare = postgres(15).database("bare").await;
    let scene = Scene::new("nokeys").await;
    let settings = Settings { keeper: Some(bare.target()), ..scene.settings.clone() };
    let scene = Scene { router: Control::start(settings).await.unwrap().router(), ..scene };
    let answer = scene.operate("GET", "/api/signing-keys").send().await;
    assert!(answer.is(409).text("detail").contains("tenantry apply"), "{:?}", answer.body);

    let application = application().await;
    let login = format!("{}_weak", application.name());
    application.execute(&format!("CREATE ROLE \"{login}\" LOGIN PASSWORD 'test-only'")).await;
    let settings =
        Settings { keeper: Some(application.target().with_login(&login, "test-only")), ..scene.settings.clone() };
    let scene = Scene { router: Control::start(settings).await.unwrap().router(), ..scene };
    let answer = scene.operate("GET", "/api/signing-keys").send().await;
    assert!(answer.is(503).text("detail").contains("member of that role"), "{:?}", answer.body);
}
