//! Layer S: nothing of one tenant is left on the connection for the next, and nothing left makes the next one fail.

use crate::scene::{BACKEND_PASSWORD, BODIES, Scene, canary};
use crate::wire::{Batch, Wire};

/// Ways to leave a connection.
async fn leave(mut client: Wire, how: &str) {
    match how {
        "idle" => {
            client.query(BODIES).await.good();
        }
        "in a transaction" => {
            client.query("BEGIN; INSERT INTO notes (body) VALUES ('left')").await.good();
        }
        "in a failed transaction" => {
            client.query("BEGIN; INSERT INTO notes (body) VALUES ('left')").await.good();
            client.query("SELECT 1/0").await;
        }
        "after an error" => {
            client.query("SELECT 1/0").await;
        }
        "in the middle of a batch" => {
            client.send(&Batch::default().run("INSERT INTO notes (body) VALUES ('left')", &[]).flush().0).await;
            client.reply_until(b"C").await;
        }
        "in the middle of a result" => {
            client
                .send(&Batch::default().query("SELECT repeat(body, 1000) FROM notes, generate_series(1, 20000)").0)
                .await;
            client.message().await.expect("the beginning of the rows");
        }
        "while it runs" => {
            client.send(&Batch::default().query("SELECT pg_sleep(60), body FROM notes").0).await;
        }
        "with a cursor open" => {
            let batch = Batch::default().parse("", BODIES).bind_to("c", "", &[]).execute_some("c", 1).flush();
            client.send(&batch.0).await;
            client.reply_until(b"s").await;
        }
        "while copying" => {
            client.send(&Batch::default().query("COPY scratch FROM STDIN").copy_data("left\n").0).await;
            client.reply_until(b"G").await;
        }
        "in half a message" => {
            let whole =
                Batch::default().query(&format!("INSERT INTO notes (body) VALUES ('{}')", "left".repeat(5000))).0;
            client.send(&whole[..whole.len() / 2]).await;
        }
        other => panic!("{other}"),
    }
    client.reset();
}

const WAYS: [&str; 10] = [
    "idle",
    "in a transaction",
    "in a failed transaction",
    "after an error",
    "in the middle of a batch",
    "in the middle of a result",
    "while it runs",
    "with a cursor open",
    "while copying",
    "in half a message",
];

#[tokio::test]
async fn s01_s10_w13_however_a_client_leaves_the_next_one_is_itself() {
    let scene = Scene::new(1).await;
    let before = scene.rows().await;
    let mut same = 0;
    for how in WAYS {
        let mut a = scene.tenant("acme").await;
        let process = a.backend().await;
        leave(a, how).await;
        let mut b = scene.tenant("bolt").await;
        let reply = b
            .query("SELECT pg_backend_pid(), txid_current_if_assigned(), current_setting('app.tenant_id', true)")
            .await;
        let reply = reply.good();
        assert_eq!(reply.rows[0][1..], [None, None], "{how}");
        same += u32::from(reply.column() == [process.as_str()]);
        assert_eq!(b.query(BODIES).await.column(), [canary("bolt"); 3], "{how}");
        // one who names nobody is nobody
        assert_eq!(scene.backend().await.query(BODIES).await.code(), "42501", "{how}");
        // and the other way round
        leave(b, how).await;
        let mut a = scene.tenant("acme").await;
        assert_eq!(a.query(BODIES).await.column(), [canary("acme"); 3], "{how}");
    }
    assert_eq!(scene.tenant("acme").await.query("SELECT * FROM scratch").await.good().rows.len(), 0);
    assert_eq!(scene.rows().await, before, "what was left open was taken back");
    // where the connection was closed nothing could be left; most must have been the same
    assert!(same >= 6, "{same}");
}

/// What a client may leave behind. The next tenant must neither notice nor fail.
const LEFTOVERS: &[&str] = &[
    "SET search_path = pg_temp",
    "SELECT set_config('search_path', 'nowhere', false)",
    "SET statement_timeout = '1ms'",
    "SELECT set_config('statement_timeout', '1', false)",
    "SELECT set_config('lock_timeout', '1', false)",
    "SET default_transaction_read_only = on",
    "SELECT set_config('default_transaction_read_only', 'on', false)",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY",
    "SELECT set_config('default_transaction_isolation', 'serializable', false)",
    "SET row_security = off",
    "SET client_encoding = 'LATIN1'",
    "SELECT set_config('client_encoding', 'SJIS', false)",
    "SET standard_conforming_strings = off",
    "SET DateStyle = 'German'",
    "SET TimeZone = 'Asia/Tokyo'",
    "SET application_name = 'CANARY-acme'",
    "SELECT set_config('application_name', 'CANARY-acme', false)",
    "SELECT set_config('idle_in_transaction_session_timeout', '1', false)",
    "SELECT set_config('idle_session_timeout', '1', false)",
    "SET session_replication_role = replica",
    "SELECT tenantry.bind_session()",
    "SELECT tenantry.release()",
    "DISCARD ALL",
    "DISCARD SEQUENCES",
    "DISCARD PLANS",
    "DO $$BEGIN EXECUTE 'DISCARD SEQUENCES'; END$$",
    "DO $$BEGIN EXECUTE 'SET default_transaction_read_only = on'; EXECUTE 'SET statement_timeout = 1'; END$$",
    "BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT * FROM notes; COMMIT",
    "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM notes",
    "PREPARE p AS SELECT 'CANARY-acme'",
    "DO $$BEGIN EXECUTE 'PREPARE p AS SELECT ''CANARY-acme'''; END$$",
    "DO $$BEGIN EXECUTE 'LISTEN secret'; END$$",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_advisory_lock_shared(1, 2)",
    "SELECT 1 AS x INTO TEMP t",
    "CREATE TEMP TABLE t (x int)",
    "LOAD 'plpgsql'",
    "SELECT pg_cancel_backend(pg_backend_pid())",
    "SELECT pg_terminate_backend(pg_backend_pid())",
    "COMMIT",
    "SELECT 1/0",
    "RESET ALL",
];

#[tokio::test]
async fn s02_to_s12_what_is_left_behind_harms_nobody() {
    let scene = Scene::new(1).await;
    {
        let shown = "SELECT current_setting('search_path'), current_setting('statement_timeout'), current_setting('lock_timeout'),
            current_setting('default_transaction_read_only'), current_setting('default_transaction_isolation'),
            current_setting('row_security'), current_setting('client_encoding'), current_setting('standard_conforming_strings'),
            current_setting('datestyle'), current_setting('timezone'), current_setting('application_name'),
            current_setting('idle_in_transaction_session_timeout'), current_setting('idle_session_timeout'), current_setting('role')";
        let fresh = scene.tenant("bolt").await.query(shown).await.good().rows;
        for leftover in LEFTOVERS {
            let mut a = scene.tenant("acme").await;
            a.query(BODIES).await.good();
            a.query(leftover).await;
            drop(a);
            let mut b = scene.tenant("bolt").await;
            for sql in [
                shown,
                "SELECT * FROM pg_cursors",
                "SELECT * FROM pg_prepared_statements WHERE from_sql",
                "SELECT * FROM pg_listening_channels()",
                "SELECT * FROM pg_locks WHERE locktype = 'advisory'",
                "SELECT oid FROM pg_class WHERE pg_my_temp_schema() = relnamespace",
            ] {
                let reply = b.query(sql).await;
                assert!(reply.errors.is_empty(), "{leftover}: {sql}: {reply:?}");
                if sql == shown {
                    assert_eq!(reply.rows, fresh, "{leftover}");
                } else {
                    assert!(reply.rows.is_empty(), "{leftover}: {sql}: {reply:?}");
                }
            }
            assert_eq!(b.query("SELECT lastval()").await.code(), "55000", "{leftover}");
            assert_eq!(b.query("EXECUTE p").await.code(), "26000", "{leftover}");
            assert_eq!(b.query("FETCH ALL FROM c").await.code(), "34000", "{leftover}");
            assert_eq!(b.query(BODIES).await.column(), [canary("bolt"); 3], "{leftover}");
            b.query("BEGIN; INSERT INTO notes (body) VALUES ('mine'); ROLLBACK").await.good();
            assert!(
                !b.settings.values().any(|v| v.contains("CANARY") || v.contains("Tokyo")),
                "{leftover}: {:?}",
                b.settings
            );
            // whoever names the tenant in the transaction is not harmed either
            let mut backend = scene.backend().await;
            backend.query("BEGIN").await.good();
            backend.query("SET LOCAL app.tenant_id = 'bolt'").await.good();
            assert_eq!(backend.query(BODIES).await.column(), [canary("bolt"); 3], "{leftover}");
            backend.query("COMMIT").await.good();
        }
    }
}

/// Every connection of the pool refuses the next tenant's context; that tenant gets one that does not.
#[tokio::test]
async fn s12_a_pool_full_of_leftovers_fails_nobody() {
    let leftover = "SELECT set_config('default_transaction_read_only', 'on', false)";
    for sql in [leftover, "SELECT tenantry.bind_session()"] {
        let scene = Scene::new(4).await;
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(scene.tenant("acme").await);
        }
        clients.push(scene.backend().await);
        for client in &mut clients {
            client.query("BEGIN ISOLATION LEVEL READ COMMITTED").await.good();
            client.query(sql).await.good();
        }
        for client in &mut clients {
            client.query("COMMIT").await.good();
        }
        let mut b = scene.tenant("bolt").await;
        assert_eq!(b.query(BODIES).await.column(), [canary("bolt"); 3], "{sql}");
    }
}

/// The first of the next tenant's statements after a leftover, in every form it can have.
#[tokio::test]
async fn s11_s12_the_first_statement_behind_a_leftover_works_in_every_form() {
    let scene = Scene::new(1).await;
    for leftover in LEFTOVERS {
        for form in 0..5 {
            let mut a = scene.tenant("acme").await;
            a.query(BODIES).await.good();
            a.query(leftover).await;
            drop(a);
            match form {
                0 => {
                    let mut b = scene.tenant("bolt").await;
                    assert_eq!(b.query(BODIES).await.column(), [canary("bolt"); 3], "{leftover}");
                }
                1 => {
                    let mut b = scene.tenant("bolt").await;
                    let reply = b.batch(Batch::default().parse("s", BODIES).bind("s", &[]).execute().sync()).await;
                    assert_eq!(reply.column(), [canary("bolt"); 3], "{leftover}: {reply:?}");
                }
                2 => {
                    let mut b = scene.tenant("bolt").await;
                    b.query("BEGIN ISOLATION LEVEL REPEATABLE READ").await.good();
                    assert_eq!(b.query(BODIES).await.column(), [canary("bolt"); 3], "{leftover}");
                    b.query("COMMIT").await.good();
                }
                3 => {
                    let mut backend = scene.backend().await;
                    let batch = Batch::default()
                        .run("SELECT set_config('app.tenant_id', $1, true)", &["bolt"])
                        .run(BODIES, &[]);
                    let reply = backend.batch(batch.sync()).await.good();
                    assert_eq!(reply.column()[1..], [canary("bolt"); 3], "{leftover}");
                }
                _ => {
                    let mut backend = scene.backend().await;
                    backend.query("BEGIN").await.good();
                    backend.query("SET LOCAL app.tenant_id = 'bolt'").await.good();
                    assert_eq!(backend.query(BODIES).await.column(), [canary("bolt"); 3], "{leftover}");
                    backend.query("COMMIT").await.good();
                }
            }
        }
    }
}

/// A rollback brings the former tenant's settings back for a moment; nobody is told of them.
#[tokio::test]
async fn s13_nobody_is_told_anothers_settings() {
    let scene = Scene::new(1).await;
    let mut a = scene.tenant("acme").await;
    let mut backend = scene.backend().await;
    let own = backend.settings.clone();
    a.query("SET application_name = 'CANARY-acme'").await.good();
    a.query("SET TimeZone = 'Asia/Tokyo'").await.good();
    let process = a.backend().await;
    let first = scene.tenant("bolt").await;
    assert!(!first.settings.values().any(|v| v.contains("CANARY") || v.contains("Tokyo")), "{:?}", first.settings);
    for end in ["ROLLBACK", "COMMIT"] {
        a.query(BODIES).await.good();
        backend.query("BEGIN").await.good();
        backend.query("SET LOCAL app.tenant_id = 'bolt'").await.good();
        assert_eq!(backend.backend().await, process);
        if end == "COMMIT" {
            backend.query("SELECT 1/0").await;
        }
        backend.query(end).await.good();
        assert_eq!(backend.settings["TimeZone"], own["TimeZone"], "{end}");
        assert!(!backend.settings["application_name"].contains("CANARY"), "{end}");
        assert_eq!(backend.query("SHOW TimeZone").await.value(), own["TimeZone"], "{end}");
    }
    // a client's own settings follow it
    let mut other = scene.tenant("bolt").await;
    other.query(BODIES).await.good();
    assert_eq!(a.query("SHOW TimeZone").await.value(), "Asia/Tokyo");
    assert_eq!(a.query("SHOW application_name").await.value(), "CANARY-acme");
}

/// A client's settings arrive as it wrote them, whatever encoding the one before it had.
#[tokio::test]
async fn settings_arrive_in_their_own_encoding() {
    let scene = Scene::new(1).await;
    let path = "\"caf\u{e9}\", public";
    let mut a = scene.tenant_with("acme", &[("client_encoding", "LATIN1")]).await.ok().unwrap();
    let mut b = scene.tenant_with("bolt", &[("search_path", path)]).await.ok().unwrap();
    for round in 0..2 {
        assert_eq!(a.query("SHOW client_encoding").await.value(), "LATIN1", "{round}");
        assert_eq!(b.query("SHOW client_encoding").await.value(), "UTF8", "{round}");
        assert_eq!(b.query("SHOW search_path").await.value(), path, "{round}");
    }
}

/// What a client may give the login it works on, and with what every later connection of that login would begin.
#[tokio::test]
async fn settings_of_the_login_do_not_reach_later_connections() {
    for settings in ["search_path = pg_temp", "default_transaction_read_only = on", "statement_timeout = '1ms'"] {
        let scene = Scene::new(1).await;
        let mut a = scene.tenant("acme").await;
        let process = a.backend().await;
        a.query(&format!("ALTER ROLE CURRENT_USER SET {settings}")).await.good();
        let mut b = scene.tenant("bolt").await;
        assert_ne!(b.backend().await, process, "{settings}: a connection with a changed login is not used again");
        assert_eq!(b.query(BODIES).await.column(), [canary("bolt"); 3], "{settings}");
        let left = b.query("SELECT count(*) FROM pg_db_role_setting WHERE setrole <> 0").await;
        assert_eq!(left.value(), "0", "{settings}");
    }
}

/// A list of tenants with keys of another type would be signed as somebody else's.
#[tokio::test]
async fn tenants_with_keys_of_another_type_are_not_served() {
    let scene = Scene::with(1, |_, database| {
        database.directory = tenantry_edge::directory::Directory::open(
            tenantry_model::KeyKind::Text,
            tenantry_edge::directory::Limits::NONE,
        );
    })
    .await;
    let refused = scene.log_in("backend", BACKEND_PASSWORD, &[]).await.err().expect("refused");
    assert_eq!(refused.code, "08006");
}

/// A client throws its own tenant's context away, unseen by the proxy: the tenant's next client is refused once at
/// most, not for as long as the connection lives.
#[tokio::test]
async fn s11_a_context_thrown_away_is_entered_again() {
    let scene = Scene::new(1).await;
    for sql in
        ["SELECT set_config('tenantry.context', 'x', false)", "SELECT tenantry.leave()", "SELECT tenantry.release()"]
    {
        let (mut one, mut two) = (scene.tenant("acme").await, scene.tenant("acme").await);
        one.query(BODIES).await.good();
        one.query(sql).await;
        let first = two.query(BODIES).await;
        assert!(first.errors.iter().all(|e| e.code == "42501"), "{sql}: {first:?}");
        assert_eq!(two.query(BODIES).await.column(), [canary("acme"); 3], "{sql}");
        assert_eq!(one.query(BODIES).await.column(), [canary("acme"); 3], "{sql}");
    }
}
