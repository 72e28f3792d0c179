//! What the control plane records stands in chains: sealed, whole, and not changed without being found.

use serde_json::json;
use tenantry_audit::seal::Sealer;
use tenantry_audit::verify::verify;
use tenantry_audit::{Event, Fault, SigningKey};
use tenantry_control::Control;

use crate::scene::Scene;

#[tokio::test]
async fn every_change_is_in_its_tenants_chain_and_no_change_of_it_passes() {
    let scene = Scene::new("sealed").await;
    let id = scene.tenant("acme").await;
    scene.key(&id, "Admin").await;
    // a second start makes nothing twice
    Control::start(scene.settings.clone()).await.unwrap();
    let refused = json!({ "name": "x", "slug": "acme", "type": "Parent" });
    scene.operate("POST", "/api/tenants").json(&refused).send().await.is(409);

    let mut client = scene.database.connect_plain().await;
    let key = SigningKey::new("control.test", &"0c".repeat(32)).unwrap();
    let mut sealer = Sealer::open(key, None).unwrap();
    sealer.seal(&mut client).await.unwrap();
    let counts =
        "SELECT (SELECT count(*) FROM tenantry_control.audit_entry), (SELECT count(*) FROM tenantry_audit.entry)";
    let row = client.query_one(counts, &[]).await.unwrap();
    let (recorded, linked): (i64, i64) = (row.get(0), row.get(1));
    assert!(recorded >= 2 && recorded == linked, "{recorded} recorded, {linked} linked");
    let verdict = verify(&client, sealer.verifying(), &[]).await.unwrap();
    assert_eq!((verdict.findings.len(), verdict.entries), (0, linked.unsigned_abs()), "{verdict:?}");

    let chain = format!("tenant/{id}");
    let row = client
        .query_one("SELECT body FROM tenantry_audit.entry WHERE chain = $1 ORDER BY sequence LIMIT 1", &[&chain])
        .await;
    let event: Event = serde_json::from_str(row.unwrap().get(0)).unwrap();
    assert_eq!((&*event.action, event.tenant_id.as_deref()), ("TENANT_CREATED", Some(&*id)));
    assert!(event.actor.is_object() && event.context.request_id.is_some(), "{event:?}");

    scene.database.execute("UPDATE tenantry_audit.entry SET body = replace(body, 'SUCCESS', 'DENIED') WHERE chain <> 'platform' AND sequence = 1").await;
    let found = verify(&client, sealer.verifying(), &[]).await.unwrap().findings;
    assert_eq!((&*found[0].chain, found[0].sequence, found[0].fault), (&*chain, 1, Fault::Changed));
}

#[tokio::test]
async fn a_tenants_entries_are_read_newest_first_by_whoever_may() {
    let scene = Scene::new("auditread").await;
    let (own, other) = (scene.tenant("own").await, scene.tenant("other").await);
    let (_, admin) = scene.key(&own, "Admin").await;
    let (_, viewer) = scene.key(&own, "Viewer").await;
    let place = format!("/api/tenants/{own}/audit");
    let all = scene.call("GET", &place).key(&admin).send().await;
    let items = all.is(200).body["items"].as_array().unwrap().clone();
    assert!(items.len() >= 3 && items.iter().all(|e| e["tenantId"] == *own), "{items:?}");
    assert_eq!(items.last().unwrap()["action"], "TENANT_CREATED");
    assert!(!all.body.to_string().contains(&other));
    let first = scene.call("GET", &format!("{place}?pageSize=1")).key(&admin).send().await;
    assert_eq!(first.is(200).body["items"].as_array().unwrap()[..], items[..1]);
    let token = first.text("nextPageToken");
    let second = scene.call("GET", &format!("{place}?pageSize=1&pageToken={token}")).key(&admin).send().await;
    assert_eq!(second.is(200).body["items"].as_array().unwrap()[..], items[1..2]);
    let created = scene.operate("GET", &format!("{place}?action=TENANT_CREATED")).send().await;
    assert_eq!(created.is(200).body["items"].as_array().unwrap().len(), 1);
    let none = scene.operate("GET", &format!("{place}?to=2000-01-01T00:00:00Z")).send().await;
    assert_eq!(none.is(200).body["items"], json!([]));
    scene.call("GET", &format!("{place}?severity=loud")).key(&admin).send().await.is(400);
    scene.call("GET", &place).key(&viewer).send().await.is(403);
    scene.call("GET", &format!("/api/tenants/{other}/audit")).key(&admin).send().await.is(404);
}

#[tokio::test]
async fn a_sink_gets_every_entry_once_it_took_it_and_none_is_left_out_that_commits_late() {
    let (scene, control) = Scene::with_settings("sink", |_| {}).await;
    let first = control.unsent("file").await.unwrap();
    assert_eq!(first.entries[0].action, "KEY_CREATED");
    // not taken: given again
    assert_eq!(control.unsent("file").await.unwrap().entries.len(), first.entries.len());
    control.sent("file", &first).await.unwrap();
    assert_eq!(control.unsent("file").await.unwrap().entries.len(), 0);
    let entry =
        "INSERT INTO tenantry_control.audit_entry (id, action, severity, actor, targets, context, outcome, metadata)
                 VALUES (gen_random_uuid(), 'LATE', 'LOW', '{}', '[]', '{}', 'SUCCESS', '{}')";
    let late = scene.database.connect().await;
    late.batch_execute(&format!("BEGIN; {entry}")).await.unwrap();
    scene.tenant("acme").await;
    let seen = control.unsent("file").await.unwrap();
    assert_eq!(seen.entries.iter().map(|e| &*e.action).collect::<Vec<_>>(), ["TENANT_CREATED"]);
    control.sent("file", &seen).await.unwrap();
    late.batch_execute("COMMIT").await.unwrap();
    let seen = control.unsent("file").await.unwrap();
    assert_eq!(seen.entries.iter().map(|e| &*e.action).collect::<Vec<_>>(), ["LATE"]);
    control.sent("file", &seen).await.unwrap();
    assert_eq!(control.unsent("file").await.unwrap().entries.len(), 0);
    // another sink has its own place
    assert!(control.unsent("syslog").await.unwrap().entries.len() > 2);
}

#[tokio::test]
async fn how_long_entries_are_kept_is_said_over_http() {
    let scene = Scene::new("retention").await;
    let place = "/api/audit/retention";
    let now = scene.operate("GET", place).send().await;
    assert_eq!(now.is(200).body["days"], json!(null));
    scene.operate("PUT", place).json(&json!({ "days": 90 })).send().await.is(428);
    for bad in [json!({ "days": 0 }), json!({ "days": 36_501 }), json!({ "days": "x" }), json!({ "weeks": 1 })] {
        scene.operate("PUT", place).header("if-match", &now.etag()).json(&bad).send().await.is(400);
    }
    let put = scene.operate("PUT", place).header("if-match", &now.etag()).json(&json!({ "days": 90 })).send().await;
    assert_eq!(put.is(200).body["days"], json!(90));
    scene.operate("PUT", place).header("if-match", &now.etag()).json(&json!({ "days": 1 })).send().await.is(412);
    assert_eq!(scene.operate("GET", place).send().await.body["days"], json!(90));
}
