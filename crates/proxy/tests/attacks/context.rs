//! Layer C: whatever SQL a client sends, it stays who it was admitted as.

use crate::scene::{BODIES, Scene, TENANTS, canary};
use crate::wire::Batch;

/// What would turn a setting of the client's into another tenant, if anything listened to it.
fn claims() -> Vec<String> {
    let (slug, id) = TENANTS[1];
    let mut texts = Vec::new();
    for setting in ["app.tenant_id", "app.current_tenant", "tenantry.tenant", "tenantry.tenant_id", "tenantry.context"]
    {
        for value in [slug, id, "entered", "held-1"] {
            texts.extend([
                format!("SET {setting} = '{value}'"),
                format!("SET SESSION {setting} TO '{value}'"),
                format!("SET LOCAL {setting} = '{value}'"),
                format!("SELECT set_config('{setting}', '{value}', false)"),
                format!("SELECT U&\"\\0073et_config\"('{setting}', '{value}', false)"),
                format!("SELECT/**/pg_catalog.set_config(/* /* */ */'{setting}'::text,$a${value}$a$,false)"),
                format!("/*tenant='{value}'*/ SELECT 1"),
                format!("DO $$BEGIN EXECUTE 'se'||'t {setting}=''{value}'''; END$$"),
                format!("SELECT query_to_xml('select set_'||'config(''{setting}'',''{value}'',false)',true,false,'')"),
            ]);
        }
    }
    texts.extend(
        [
            "SELECT tenantry.bind_session()",
            "SELECT tenantry.leave()",
            "SELECT tenantry.release()",
            "UPDATE pg_settings SET setting = 'x' WHERE name LIKE 'tenantry%'",
            "RESET ALL",
            "RESET tenantry.context",
            "SET tenantry.context TO DEFAULT",
            "DISCARD ALL",
            "DISCARD SEQUENCES",
            "RESET ROLE",
            "SET ROLE NONE",
            "SET SESSION AUTHORIZATION DEFAULT",
            "SET row_security = off",
        ]
        .map(Into::into),
    );
    texts
}

#[tokio::test]
async fn c01_c02_c03_c11_no_sql_makes_another_tenant() {
    let scene = Scene::new(1).await;
    let mut client = scene.tenant("acme").await;
    assert_eq!(client.query(BODIES).await.good().rows.len(), 3);
    for text in claims() {
        // what is tried may fail; what counts is what is seen after it
        let mut seen = vec![client.query(&text).await, client.query(BODIES).await];
        for end in ["ROLLBACK", "COMMIT"] {
            for sql in ["BEGIN", &text, BODIES, end, BODIES] {
                seen.push(client.query(sql).await);
            }
        }
        seen.push(client.query(&format!("{text}; {BODIES}")).await);
        seen.push(client.batch(Batch::default().run(&text, &[]).run(BODIES, &[]).sync()).await);
        seen.push(client.query("UPDATE notes SET body = body || '!'").await);
        for reply in &seen {
            assert!(reply.status != ' ' && !reply.holds(canary("bolt")), "{text}: {reply:?}");
        }
        // a new client of the other tenant gets its own, whatever was left behind
        let mut other = scene.tenant("bolt").await;
        assert_eq!(other.query(BODIES).await.column(), [canary("bolt"); 3], "{text}");
    }
}

/// Once a transaction is somebody's, what its statements say does not make it another's: neither silently the former
/// tenant's rows for what was meant for the new one, nor the new one's.
#[tokio::test]
async fn c01_a_backends_transaction_stays_who_it_was_named() {
    let scene = Scene::new(1).await;
    for again in [
        "SET LOCAL app.tenant_id = 'bolt'",
        "SELECT set_config('app.current_tenant', 'bolt', true)",
        "/*tenant='bolt'*/ SELECT 1",
    ] {
        let mut client = scene.backend().await;
        client.query("BEGIN; SET LOCAL app.tenant_id = 'acme'").await.good();
        assert_eq!(client.query(BODIES).await.column(), [canary("acme"); 3]);
        // the same once more is no change
        client.query("SET LOCAL app.tenant_id = 'acme'").await.good();
        let reply = client.query(again).await;
        assert_eq!(reply.code(), "42501", "{again}");
        let reply = client.query(BODIES).await;
        assert!(reply.rows.is_empty(), "{again}: {reply:?}");
    }
    // in one text
    let mut client = scene.backend().await;
    let twice = format!(
        "BEGIN; SET LOCAL app.tenant_id = 'acme'; {BODIES}; COMMIT; BEGIN; SET LOCAL app.tenant_id = 'bolt'; {BODIES}; COMMIT"
    );
    let reply = client.query(&twice).await;
    assert!(reply.errors.len() == 1 && reply.rows.len() <= 3, "{reply:?}");
    let mut client = scene.backend().await;
    let batch = Batch::default()
        .run("SELECT set_config('app.tenant_id', $1, true)", &["acme"])
        .run(BODIES, &[])
        .run("SELECT set_config('app.tenant_id', $1, true)", &["bolt"])
        .run(BODIES, &[]);
    let reply = client.batch(batch.sync()).await;
    assert!(reply.errors.len() == 1 && !reply.holds(canary("bolt")) && reply.rows.len() <= 5, "{reply:?}");
}

#[tokio::test]
async fn c07_ending_the_transaction_leaves_no_other_tenant() {
    let scene = Scene::new(1).await;
    let mut b = scene.tenant("bolt").await;
    let process = b.backend().await;
    for escape in [
        "COMMIT",
        "ROLLBACK",
        "END",
        "ABORT",
        "COMMIT AND CHAIN",
        "ROLLBACK AND CHAIN",
        "PREPARE TRANSACTION 'x'",
        "SAVEPOINT s; ROLLBACK TO s",
    ] {
        for form in ["{escape}; {BODIES}", "BEGIN; {escape}; {BODIES}", "BEGIN; SELECT 1/0; {escape}; {BODIES}"] {
            // the former user of the connection is B
            b.query(BODIES).await.good();
            let mut a = scene.tenant("acme").await;
            let text = form.replace("{escape}", escape).replace("{BODIES}", BODIES);
            let reply = a.query(&text).await;
            assert!(!reply.holds(canary("bolt")), "{text}: {reply:?}");
            for sql in ["BEGIN", escape, BODIES, "SELECT 1/0", escape, BODIES, "ROLLBACK", BODIES] {
                let reply = a.query(sql).await;
                assert!(!reply.holds(canary("bolt")), "{text}: {reply:?}");
            }
            assert_eq!(a.query(BODIES).await.column(), [canary("acme"); 3], "{text}");
            assert_eq!(a.backend().await, process, "{text}");
        }
    }
}

/// A rollback of the transaction in which the context was entered takes the context along; the next one has its own.
#[tokio::test]
async fn c07_a_rollback_of_the_context_is_noticed() {
    let scene = Scene::new(1).await;
    let (mut a, mut b, mut backend) = (scene.tenant("acme").await, scene.tenant("bolt").await, scene.backend().await);
    let process = a.backend().await;
    for _ in 0..3 {
        assert_eq!(b.query(BODIES).await.column(), [canary("bolt"); 3]);
        // the statement that came with the context fails
        assert_eq!(a.query("SELECT 1/0").await.code(), "22012");
        assert_eq!(a.query(BODIES).await.column(), [canary("acme"); 3]);
        assert_eq!(b.query(BODIES).await.column(), [canary("bolt"); 3]);
        assert_eq!(a.batch(Batch::default().run("SELECT 1/0", &[]).run(BODIES, &[]).sync()).await.code(), "22012");
        assert_eq!(b.query("SELECT 1/0").await.code(), "22012");
        assert_eq!(a.query(BODIES).await.column(), [canary("acme"); 3]);
        for (tenant, end) in [("bolt", "ROLLBACK"), ("acme", "ROLLBACK"), ("bolt", "COMMIT")] {
            backend.query("BEGIN").await.good();
            backend.query(&format!("SET LOCAL app.tenant_id = '{tenant}'")).await.good();
            assert_eq!(backend.query(BODIES).await.column(), [canary(tenant); 3]);
            if end == "COMMIT" {
                assert_eq!(backend.query("SELECT 1/0").await.code(), "22012");
            }
            assert_eq!(backend.query(end).await.good().commands, ["ROLLBACK"]);
            assert_eq!(backend.query(BODIES).await.code(), "42501");
            assert_eq!(a.query(BODIES).await.column(), [canary("acme"); 3]);
        }
        assert_eq!(a.backend().await, process);
    }
}

#[tokio::test]
async fn c09_no_role_can_be_taken_or_given_up() {
    let scene = Scene::new(1).await;
    let mut b = scene.tenant("bolt").await;
    for text in [
        "RESET ROLE",
        "SET ROLE NONE",
        "SET SESSION AUTHORIZATION DEFAULT",
        "DISCARD ALL",
        &format!("SET ROLE \"{}\"", scene.db.role("rt")),
        &format!("SET ROLE \"{}\"", scene.db.role("owner")),
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        &format!("SELECT set_config('role', '{}', false)", scene.db.role("rt")),
    ] {
        b.query(BODIES).await.good();
        let mut a = scene.tenant("acme").await;
        a.query(BODIES).await.good();
        a.query(text).await;
        for sql in [BODIES, "BEGIN; SET LOCAL ROLE NONE", BODIES, "ROLLBACK", BODIES] {
            let reply = a.query(sql).await;
            assert!(!reply.holds(canary("bolt")), "{text}: {reply:?}");
        }
        // the next tenant is itself, and has no role of A's
        let reply = b.query("SELECT current_setting('role'), body FROM notes").await.good();
        assert!(reply.column().iter().all(|role| *role == "none"), "{text}: {reply:?}");
        assert!(reply.rows.len() == 3 && !reply.holds(canary("acme")), "{text}: {reply:?}");
    }
}

#[tokio::test]
async fn c04_c08_c14_settings_autocommit_and_parallel_workers() {
    let scene = Scene::new(1).await;
    let (mut a, mut b) = (scene.tenant("acme").await, scene.tenant("bolt").await);
    for name in ["row_security", "search_path", "role", "tenantry.context"] {
        a.query(&format!("UPDATE pg_settings SET setting = 'off' WHERE name = '{name}'")).await;
        let reply = a.query(BODIES).await;
        assert!(!reply.holds(canary("bolt")), "{name}: {reply:?}");
        assert_eq!(b.query(BODIES).await.column(), [canary("bolt"); 3], "{name}");
    }
    a.query("SET LOCAL app.tenant_id = 'bolt'").await;
    let mut pipelined = Batch::default();
    for _ in 0..3 {
        pipelined = pipelined.run("SET LOCAL app.tenant_id = 'bolt'", &[]).sync().run(BODIES, &[]).sync();
    }
    a.send(&pipelined.0).await;
    for _ in 0..6 {
        assert!(!a.reply().await.holds(canary("bolt")));
    }
    a.query("SET force_parallel_mode = on; SET parallel_setup_cost = 0; SET min_parallel_table_scan_size = 0")
        .await
        .good();
    assert_eq!(a.query(BODIES).await.column(), [canary("acme"); 3]);
}

#[tokio::test]
async fn c05_c06_names_are_values_and_comments_are_read_to_their_end() {
    let scene = Scene::new(1).await;
    for name in [
        "x'; SELECT 1;--",
        "acme' OR '1'='1",
        "\",public,\"bolt",
        "acme\\'",
        "acme\nbolt",
        "$$",
        "ACME",
        "acme ",
        "*",
        "%",
    ] {
        let mut backend = scene.backend().await;
        let quoted = name.replace('\'', "''");
        for text in [
            format!("BEGIN; SET LOCAL app.tenant_id = '{quoted}'; {BODIES}"),
            format!("/*tenant='{}'*/ {BODIES}", name.replace('\'', "%27").replace('*', "%2A")),
            format!("/*tenant='{name}'*/ {BODIES}"),
        ] {
            let reply = backend.query(&text).await;
            assert!(reply.rows.is_empty() || !reply.holds("CANARY"), "{text}: {reply:?}");
            if reply.status == ' ' {
                backend = scene.backend().await;
            } else {
                backend.query("ROLLBACK").await;
            }
        }
        let batch =
            Batch::default().run("SELECT set_config('app.tenant_id', $1, true)", &[name]).run(BODIES, &[]).sync();
        let reply = backend.batch(batch).await;
        assert!(!reply.holds("CANARY"), "{name}: {reply:?}");
    }
    // a comment that a name ends early names the first only, and the rest is the statement's own
    let mut backend = scene.backend().await;
    let reply =
        backend.query(&format!("/*tenant='acme'*/ SELECT set_config('app.tenant_id', 'bolt', true); {BODIES}")).await;
    assert!(!reply.holds(canary("bolt")), "{reply:?}");
}

#[tokio::test]
async fn c12_no_key_comes_with_the_startup_message() {
    let scene = Scene::new(1).await;
    for (name, value) in [
        ("tenantry.context", "held-1"),
        ("tenantry.signing_key", "x"),
        ("options", "-c tenantry.key=x"),
        ("pg_session_jwt.jwk", "{}"),
    ] {
        let told =
            scene.tenant_with("acme", &[(name, value)]).await.err().unwrap_or_else(|| panic!("{name} was taken"));
        assert_eq!(told.code, "08P01");
    }
}
