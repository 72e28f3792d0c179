//! What adds up is told: to whoever reads alerts, to endpoints, and by e-mail through a real mail server.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tenantry_control::Control;
use tenantry_control::alerts::{MailSettings, MailTls};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::scene::Scene;

/// Longest wait for what another task writes.
const TRIES_MAX: u32 = 200;

async fn entries(scene: &Scene, action: &str, wanted: i64) {
    let client = scene.database.connect().await;
    let sql = "SELECT count(*) FROM tenantry_control.audit_entry WHERE action = $1";
    for _ in 0..TRIES_MAX {
        if client.query_one(sql, &[&action]).await.unwrap().get::<_, i64>(0) >= wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{wanted} entries {action} were never there");
}

async fn names(scene: &Scene, path: &str) -> Vec<String> {
    let list = scene.operate("GET", path).send().await;
    list.is(200).body["items"].as_array().unwrap().iter().map(|a| a["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn five_failed_logins_and_one_cross_tenant_attempt_are_told_once() {
    let (scene, control) = Scene::with_settings("alerts", |_| {}).await;
    let (a, b) = (scene.tenant("aa").await, scene.tenant("bb").await);
    let (_, admin) = scene.key(&a, "Admin").await;
    assert_eq!(control.watch().await.unwrap(), 0);
    let bad = format!("tnt_live_000000000000_{}", "0".repeat(72));
    for _ in 0..4 {
        scene.call("GET", "/api/tenants").key(&bad).send().await.is(401);
    }
    entries(&scene, "API_KEY_ACCESS_FAILED", 4).await;
    assert_eq!(control.watch().await.unwrap(), 0, "four are none");
    scene.call("GET", "/api/tenants").key(&bad).send().await.is(401);
    entries(&scene, "API_KEY_ACCESS_FAILED", 5).await;
    assert_eq!(control.watch().await.unwrap(), 1);
    assert_eq!(control.watch().await.unwrap(), 0, "said once");
    // whichever process looks
    assert_eq!(Control::start(scene.settings.clone()).await.unwrap().watch().await.unwrap(), 0);

    scene.call("GET", &format!("/api/tenants/{b}")).key(&admin).send().await.is(404);
    entries(&scene, "WORKSPACE_ACCESS_DENIED", 1).await;
    assert_eq!(control.watch().await.unwrap(), 1);
    assert_eq!(names(&scene, "/api/alerts").await, ["cross-tenant", "failed-logins"]);
    assert_eq!(names(&scene, "/api/alerts?name=failed-logins&severity=HIGH").await, ["failed-logins"]);
    // neither tenant's log says whether the other exists
    for tenant in [&a, &b] {
        let log =
            scene.operate("GET", &format!("/api/tenants/{tenant}/audit?action=WORKSPACE_ACCESS_DENIED")).send().await;
        assert_eq!(log.is(200).body["items"], json!([]));
    }
    let client = scene.database.connect().await;
    let sql = "SELECT count(*) FROM tenantry_control.outbox WHERE type = 'tenantry.alert.raised'";
    assert_eq!(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 2);

    let list = scene.operate("GET", "/api/alerts?pageSize=1").send().await;
    let (id, token) = (list.body["items"][0]["id"].as_str().unwrap().to_owned(), list.text("nextPageToken"));
    assert_eq!(names(&scene, &format!("/api/alerts?pageSize=1&pageToken={token}")).await, ["failed-logins"]);
    let list = scene.operate("POST", &format!("/api/alerts/{id}/acknowledge")).raw("[]".to_owned()).send().await;
    list.is(400);
    let seen = scene.operate("POST", &format!("/api/alerts/{id}/acknowledge")).send().await;
    assert!(seen.is(200).text("acknowledgedBy").starts_with("key:"));
    let again = scene.operate("POST", &format!("/api/alerts/{id}/acknowledge")).send().await;
    assert_eq!(again.is(200).body, seen.body, "who was first stays");
    assert_eq!(names(&scene, "/api/alerts?acknowledged=false").await, ["failed-logins"]);
    // a tenant sees its own, and these are the platform's
    let own = scene.call("GET", &format!("/api/tenants/{a}/alerts")).key(&admin).send().await;
    assert_eq!(own.is(200).body["items"], json!([]));
    scene.call("POST", &format!("/api/tenants/{a}/alerts/{id}/acknowledge")).key(&admin).send().await.is(404);
    scene.call("GET", "/api/alerts").key(&admin).send().await.is(403);
}

#[tokio::test]
async fn what_goes_on_is_told_again_when_the_threshold_has_rested() {
    let (scene, control) = Scene::with_settings("again", |_| {}).await;
    let client = scene.database.connect().await;
    let entry = "INSERT INTO tenantry_control.audit_entry (id, action, severity, actor, targets, context, outcome, metadata)
                 SELECT gen_random_uuid(), 'USER_LOGIN_FAILED', 'LOW', '{}', '[]', '{}', 'DENIED', '{}' FROM generate_series(1, 5)";
    client.batch_execute(entry).await.unwrap();
    assert_eq!(control.watch().await.unwrap(), 1);
    client.batch_execute(entry).await.unwrap();
    assert_eq!(control.watch().await.unwrap(), 0, "it rests");
    client.batch_execute("UPDATE tenantry_control.alert SET raised_at = raised_at - interval '301 s'").await.unwrap();
    assert_eq!(control.watch().await.unwrap(), 1);
}

#[tokio::test]
async fn slow_requests_and_a_cache_that_misses_are_told() {
    let (scene, control) = Scene::with_settings("measured", |_| {}).await;
    let a = scene.tenant("aa").await;
    let report = |counts: Value, misses: u64| {
        let now = Timestamp::now();
        json!({ "id": uuid::Uuid::now_v7(), "source": "gateway", "from": now, "to": now,
                "tenants": { &a: { "cacheHits": 100, "cacheMisses": misses } },
                "latency": { "ends": [100_000, 250_000], "counts": counts } })
    };
    let send = async |body: Value| {
        scene.operate("POST", "/api/usage/reports").json(&body).send().await.is(200);
    };
    send(report(json!([1_000, 0, 0]), 50)).await;
    assert_eq!(control.watch().await.unwrap(), 0);
    send(report(json!([0, 1_000, 0]), 500)).await;
    assert_eq!(control.watch().await.unwrap(), 2);
    assert_eq!(control.watch().await.unwrap(), 0);
    let mut names = names(&scene, "/api/alerts").await;
    names.sort();
    assert_eq!(names, ["cache-misses", "p99"]);
}

#[tokio::test]
async fn a_critical_entry_is_told_with_its_change() {
    // the first key of the platform is one
    let scene = Scene::new("critical").await;
    let client = scene.database.connect().await;
    let sql =
        "SELECT count(*), max(data ->> 'action') FROM tenantry_control.outbox WHERE type = 'tenantry.audit.critical'";
    let row = client.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, &str>(1)), (1, "KEY_CREATED"));
}

/// A mail server that takes one letter, as RFC 5321 has it: for where no real one can be had.
async fn postbox() -> (u16, tokio::task::JoinHandle<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let (mut lines, mut letter, mut is_data) = (BufReader::new(read).lines(), String::new(), false);
        write.write_all(b"220 test\r\n").await.unwrap();
        while let Some(line) = lines.next_line().await.unwrap() {
            let answer = match (&*line, is_data) {
                (".", true) => {
                    is_data = false;
                    "250 taken\r\n"
                }
                (_, true) => {
                    letter += &format!("{line}\n");
                    continue;
                }
                ("DATA", _) => {
                    is_data = true;
                    "354 go on\r\n"
                }
                ("QUIT", _) => "221 bye\r\n",
                _ => {
                    letter += &format!("{line}\n");
                    "250 ok\r\n"
                }
            };
            write.write_all(answer.as_bytes()).await.unwrap();
            if answer.starts_with("250 taken") {
                break;
            }
        }
        letter
    });
    (port, task)
}

#[tokio::test]
async fn an_alert_is_mailed_once_and_again_if_nobody_took_it() {
    let (port, letter) = postbox().await;
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let mail = |port| MailSettings {
        host: "127.0.0.1".into(),
        port,
        tls: MailTls::None,
        login: Some(("me".into(), "hunter2".to_owned().into())),
        from: "tenantry <alerts@example.com>".into(),
        to: vec!["ops@example.com".into(), "Ada <ada@example.com>".into()],
    };
    let (scene, control) = Scene::with_settings("mail", |settings| settings.alerts.mail = Some(mail(gone))).await;
    let client = scene.database.connect().await;
    let entry =
        "INSERT INTO tenantry_control.audit_entry (id, action, severity, actor, targets, context, outcome, metadata)
                 VALUES (gen_random_uuid(), 'UNAUTHORIZED_ACCESS_ATTEMPT', 'HIGH', '{}', '[]', '{}', 'DENIED', '{}')";
    client.batch_execute(entry).await.unwrap();
    assert_eq!((control.watch().await.unwrap(), control.mail().await.unwrap()), (1, 0), "nobody listens there");
    assert_eq!(control.mail().await.unwrap(), 0, "not before its pause is over");
    client.batch_execute("UPDATE tenantry_control.alert SET mail_next_at = now()").await.unwrap();
    let mut settings = scene.settings.clone();
    settings.alerts.mail = Some(mail(port));
    let control = Control::start(settings).await.unwrap();
    assert_eq!(control.mail().await.unwrap(), 1);
    assert_eq!(control.mail().await.unwrap(), 0, "once");
    let letter = letter.await.unwrap();
    for part in [
        "alerts@example.com",
        "RCPT TO:<ops@example.com>",
        "RCPT TO:<ada@example.com>",
        "Subject: [tenantry] HIGH cross-tenant",
    ] {
        assert!(letter.contains(part), "{part} in {letter}");
    }
    assert!(
        !letter.contains("hunter2") && !letter.lines().any(|line| line.starts_with("AUTH")),
        "no password in the open"
    );
}
