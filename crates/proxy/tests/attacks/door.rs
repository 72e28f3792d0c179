//! Layer W, at the door: who comes in as whom, and what the startup message may say.

use std::time::Duration;

use tenantry_edge::directory::{Isolation, TenantState};

use crate::scene::{BACKEND_PASSWORD, BODIES, Scene, TENANTS, canary, directory, directory_with, password};
use crate::wire::{Batch, Wire};

#[tokio::test]
async fn w01_w02_w03_w04_the_startup_message_smuggles_nothing() {
    let scene = Scene::new(1).await;
    // the control: what is allowed is taken, and is the client's
    let good = [("options", "-c search_path=public -c statement_timeout=5s"), ("application_name", "mine")];
    let mut a = scene.tenant_with("acme", &good).await.unwrap();
    assert_eq!(a.query("SHOW statement_timeout").await.value(), "5s");
    let owner = scene.db.role("owner");
    let role = format!("-c role={owner}");
    for (name, value) in [
        ("app.tenant_id", "bolt"),
        ("options", "-c app.tenant_id=bolt"),
        ("options", "-capp.tenant_id=bolt"),
        ("options", "--app.tenant_id=bolt"),
        ("options", "--app.tenant-id=bolt"),
        ("options", "-c\tapp.tenant_id=bolt"),
        ("options", "-c app.tenant_id=acme -c app.tenant_id=bolt"),
        ("options", "-c search_path=public\x0b-capp.tenant_id=bolt"),
        ("options", "-c app\\.tenant_id=bolt"),
        ("options", "-c%20app.tenant_id=bolt"),
        ("options", "+c app.tenant_id=bolt"),
        ("options", "-c tenantry.tenant=bolt"),
        ("options", "-c TENANTRY.Tenant=bolt"),
        ("tenantry.tenant", "bolt"),
        ("tenantry.context", "entered"),
        ("role", owner.as_str()),
        ("ROLE", owner.as_str()),
        ("options", role.as_str()),
        ("session_authorization", "postgres"),
        ("row_security", "off"),
        ("options", "-c row_security=off"),
        ("session_preload_libraries", "x"),
        ("local_preload_libraries", "x"),
        ("options", "-c session_preload_libraries=x"),
        ("replication", "database"),
        ("replication", "true"),
        ("replication", "on"),
        ("client_encoding", "SJIS"),
        ("options", "-c client_encoding=BIG5"),
        ("options", "-d 5"),
        ("options", "-c"),
        ("user", "app.bolt"),
        ("database", "postgres"),
    ] {
        let told = scene.tenant_with("acme", &[(name, value)]).await.err();
        let told = told.unwrap_or_else(|| panic!("{name}={value} was taken"));
        assert!(["08P01", "28000"].contains(&told.code.as_str()), "{name}={value}: {told:?}");
    }
    // a search path of the client's is on no connection on which the proxy looks anything up
    let mut b = scene.tenant_with("bolt", &[("search_path", "pg_temp, nowhere")]).await.unwrap();
    assert_eq!(b.query("SELECT body FROM public.notes").await.column(), [canary("bolt"); 3]);
    assert_eq!(scene.tenant("acme").await.query(BODIES).await.column(), [canary("acme"); 3]);
}

#[tokio::test]
async fn w05_w06_w31_nobody_comes_in_as_another() {
    let scene = Scene::new(1).await;
    let id = TENANTS[1].1;
    let upper = id.to_uppercase();
    for user in [
        "app.bolt".to_owned(),
        "app.bolt.acme".into(),
        "app.acme.bolt".into(),
        "app.BOLT".into(),
        "app.bolt ".into(),
        " app.bolt".into(),
        "app.".into(),
        "app..bolt".into(),
        "app+bolt".into(),
        "app@bolt".into(),
        "app.bolt%00".into(),
        "bolt/../acme".into(),
        "APP.acme".into(),
        "app.%".into(),
        format!("app.{id}"),
        format!("app.{upper}"),
        format!("app.{{{id}}}"),
        format!("app.{}", "x".repeat(63)),
        "postgres".into(),
        scene.db.role("slot0"),
        "backend.bolt".into(),
        "backend".into(),
        "missing".into(),
        "tenantry".into(),
        "app".into(),
        String::new(),
    ] {
        for secret in [password("acme"), "test-only".into(), String::new()] {
            let told = scene.log_in(&user, &secret, &[]).await.err().unwrap_or_else(|| panic!("{user} was let in"));
            assert!(["28P01", "28000", "08P01"].contains(&told.code.as_str()), "{user}: {told:?}");
        }
    }
    // the route and the credential disagree
    let option = [("options", "-c tenantry.tenant=bolt")];
    assert!(scene.log_in("app.acme", &password("acme"), &option).await.is_err());
    assert!(scene.log_in("app", &password("acme"), &option).await.is_err());
    for database in ["tenantry", "pgbouncer", "postgres", "", "SHOP", "shop "] {
        let wrong = Wire::log_in(scene.at, &[("user", "app.acme"), ("database", database)], &password("acme")).await;
        let told = wrong.err().unwrap_or_else(|| panic!("{database} was opened"));
        assert!(!told.message.contains("bolt") && !told.message.contains("slot"), "{told:?}");
    }
    let mut right = scene.tenant("acme").await;
    assert_eq!(right.query(BODIES).await.column(), [canary("acme"); 3]);
}

/// A stranger learns from the first challenge neither who exists nor which tenants there are.
#[tokio::test]
async fn w29_the_challenge_is_the_same_for_everybody() {
    let scene = Scene::new(1).await;
    let challenge = async |user: &str| {
        let mut wire = Wire::open(scene.at).await;
        let mut out = Vec::new();
        let version = tenantry_wire::frontend::ProtocolVersion::V3_0;
        tenantry_wire::frontend::write_startup(&mut out, version, &[("user", user), ("database", "shop")]).unwrap();
        wire.send(&out).await;
        let (_, mechanisms) = wire.message().await.expect("a question");
        let mut out = Vec::new();
        tenantry_wire::frontend::write_sasl_initial(&mut out, "SCRAM-SHA-256", b"n,,n=,r=0123456789abcdefghij")
            .unwrap();
        wire.send(&out).await;
        let (_, body) = wire.message().await.expect("a challenge");
        let text = String::from_utf8(body[4..].to_vec()).unwrap();
        let part = |prefix: &str| text.split(',').find_map(|p| p.strip_prefix(prefix)).unwrap().to_owned();
        (mechanisms, part("i="), part("s="))
    };
    let real = challenge("app.acme").await;
    for user in ["app.nobody", "nobody", "backend", "app"] {
        let (mechanisms, iterations, salt) = challenge(user).await;
        assert_eq!((&mechanisms, &iterations), (&real.0, &real.1), "{user}");
        // stable, as that of a real one is
        assert_eq!(challenge(user).await.2, salt, "{user}");
        if user != "backend" {
            assert_eq!(salt.len(), real.2.len(), "{user}");
        }
    }
    assert_ne!(challenge("app.nobody").await.2, challenge("app.nobody2").await.2);
}

/// Whoever has a schema or database of its own would write into shared tables here, where nobody looks for its rows.
#[tokio::test]
async fn a_tenant_that_lives_elsewhere_is_not_served() {
    let scene = Scene::new(1).await;
    for (generation, isolation) in [(2, Isolation::Schema), (3, Isolation::Database)] {
        let list = directory_with(generation, [TenantState::Active; 2], isolation);
        scene.directory.publish(list).expect("a newer list");
        assert_eq!(scene.tenant_with("acme", &[]).await.err().expect("a refusal").code, "0A000");
        let mut backend = scene.backend().await;
        let reply =
            backend.query("BEGIN; SET LOCAL app.tenant_id = 'acme'; INSERT INTO notes (body) VALUES ('x')").await;
        assert!(reply.errors.iter().any(|e| e.code == "0A000") && reply.rows.is_empty(), "{reply:?}");
        scene.tenant("bolt").await.query(BODIES).await.good();
    }
    assert!(scene.rows().await.iter().all(|(_, rows)| *rows == 3));
}

/// Suspended means now: no login, and whoever is connected is told at its next statement at the latest.
#[tokio::test]
async fn w30_a_suspended_tenant_is_out() {
    let scene = Scene::new(2).await;
    let (mut a, mut b, mut backend) = (scene.tenant("acme").await, scene.tenant("bolt").await, scene.backend().await);
    let mut inside = scene.tenant("acme").await;
    a.query(BODIES).await.good();
    inside.query("BEGIN; INSERT INTO notes (body) VALUES ('late')").await.good();
    scene.directory.publish(directory(2, [TenantState::Suspended, TenantState::Active])).expect("a newer list");
    let reply = a.query(BODIES).await;
    assert!(reply.rows.is_empty() && reply.code().starts_with("57P0"), "{reply:?}");
    let reply = inside.query("COMMIT").await;
    let reply = if reply.errors.is_empty() { inside.query(BODIES).await } else { reply };
    assert!(reply.errors.iter().any(|e| e.code.starts_with("57P0")) || reply.status == ' ', "{reply:?}");
    assert!(scene.tenant_with("acme", &[]).await.is_err());
    assert!(scene.log_in("app", &scene.token("acme"), &[("options", "-c tenantry.auth=token")]).await.is_err());
    let reply = backend.query("/*tenant='acme'*/ SELECT body FROM notes").await;
    assert!(reply.rows.is_empty() && reply.code().starts_with("57P0"), "{reply:?}");
    assert_eq!(b.query(BODIES).await.column(), [canary("bolt"); 3]);
    assert_eq!(backend.query("/*tenant='bolt'*/ SELECT body FROM notes").await.column(), [canary("bolt"); 3]);
}

#[tokio::test]
async fn w25_w26_requests_for_encryption_are_bounded_and_nothing_is_said_before() {
    let scene = Scene::new(1).await;
    let mut wire = Wire::open(scene.at).await;
    let mut requests = Vec::new();
    for n in 0..10_000 {
        if n % 2 == 0 {
            tenantry_wire::frontend::write_ssl_request(&mut requests);
        } else {
            tenantry_wire::frontend::write_gss_request(&mut requests);
        }
    }
    wire.send(&requests).await;
    let mut said = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut wire.stream, &mut said);
    // a reset, because we said more than was read, is an end too
    let _ = tokio::time::timeout(Duration::from_secs(20), read).await.expect("the proxy ends it");
    assert!(said.len() < 500, "{}", said.len());
    assert_eq!(scene.tenant("bolt").await.query(BODIES).await.column(), [canary("bolt"); 3]);
}

/// Neither names of servers, logins, tenants nor statements of others are in what a client is told.
#[tokio::test]
async fn w40_refusals_name_nothing_of_others() {
    let mut scene = Scene::with(1, |settings, _| settings.queue_wait = Duration::from_millis(200)).await;
    let mut b = scene.tenant("bolt").await;
    b.query("BEGIN; SELECT 'CANARY-bolt'").await.good();
    let mut a = scene.tenant("acme").await;
    let waited = a.query(BODIES).await;
    assert_eq!(waited.code(), "53300");
    let admin = scene.db.connect().await;
    let kill =
        "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename LIKE '%slot%'";
    admin.execute(kill, &[]).await.expect("a superuser may");
    admin.close().await;
    let killed = b.query("SELECT 1").await;
    let server = scene.db.server().target().port().to_string();
    let mut told = vec![waited, killed];
    // a server that does not answer
    scene.start(|_, database| database.server.port = 1);
    let down = scene.tenant_with("acme", &[]).await.err().expect("there is no server");
    for reply in &mut told {
        for word in ["slot", server.as_str(), "127.0.0.1", "CANARY", "bolt"] {
            assert!(!reply.holds(word), "{word}: {reply:?}");
        }
    }
    assert!(!down.message.contains("127.0.0.1") && !down.message.contains("slot"), "{down:?}");
}

/// One tenant with many open transactions or unread answers leaves the others a connection.
#[tokio::test]
async fn w38_one_tenant_does_not_take_the_pool() {
    let scene = Scene::new(3).await;
    let mut hogs = Vec::new();
    for n in 0..12 {
        let mut hog = scene.tenant("acme").await;
        let sql =
            if n % 2 == 0 { "BEGIN; SELECT 1" } else { "SELECT repeat('x', 10000) FROM generate_series(1, 20000)" };
        hog.send(&Batch::default().query(sql).0).await;
        hogs.push(hog);
    }
    let mut b = scene.tenant("bolt").await;
    for _ in 0..20 {
        assert_eq!(b.query(BODIES).await.column(), [canary("bolt"); 3]);
    }
}

/// The console and what shows other clients are nobody's who is a tenant.
#[tokio::test]
async fn w32_a_tenant_has_no_console() {
    let scene = Scene::new(1).await;
    for (user, secret) in [("app.acme", password("acme")), ("backend", BACKEND_PASSWORD.to_owned())] {
        let console = Wire::log_in(scene.at, &[("user", user), ("database", "tenantry")], &secret).await;
        let Ok(mut console) = console else { continue };
        for verb in [
            "SHOW CLIENTS",
            "SHOW SERVERS",
            "SHOW POOLS",
            "SHOW TENANTS",
            "SHOW CONFIG",
            "PAUSE",
            "RESUME",
            "RELOAD",
            "KILL",
            "KILL bolt",
        ] {
            let reply = console.query(verb).await;
            assert!(!reply.errors.is_empty() && reply.rows.is_empty(), "{user}: {verb}: {reply:?}");
        }
    }
    assert_eq!(scene.tenant("bolt").await.query(BODIES).await.column(), [canary("bolt"); 3]);
}
