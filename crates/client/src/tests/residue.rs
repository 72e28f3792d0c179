//! What a tenant leaves on a connection does not reach the next one.

use super::{World, process, sees, tenant, text};
use crate::Error;

#[tokio::test]
async fn nothing_a_tenant_left_reaches_the_next() {
    for major in tenantry_testkit::available() {
        let world = World::new(major, "residue").await;
        let pool = world.pool(1).await;
        let (a, b) = (pool.tenant(&tenant(0)), pool.tenant(&tenant(1)));
        let before = process(&a).await;
        for sql in [
            "SET work_mem = '5MB'",
            "SET app.owner = 'of A'",
            "DECLARE left_over CURSOR WITH HOLD FOR SELECT name FROM workspace",
            "PREPARE left_over AS SELECT 1",
            "LISTEN left_over",
        ] {
            a.execute(sql, &[]).await.unwrap();
        }
        a.query("SELECT pg_advisory_lock(7)", &[]).await.unwrap();
        let left = "SELECT concat_ws(' ', current_setting('work_mem'), current_setting('app.owner', true),
            (SELECT count(*) FROM pg_cursors WHERE name = 'left_over'),
            (SELECT count(*) FROM pg_prepared_statements WHERE from_sql),
            (SELECT count(*) FROM pg_listening_channels()),
            (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()))";
        assert_eq!(text(&a, left).await, "5MB of A 1 1 1 1", "its own session, as long as nobody else comes");
        let clean = text(&b, left).await;
        assert!(!clean.starts_with("5MB") && clean.ends_with(" 0 0 0 0") && !clean.contains("of A"), "{clean}");
        assert_eq!(process(&b).await, before, "the same connection");
        assert_eq!(sees(&b).await, ["Workspace 2"]);
    }
}

#[tokio::test]
async fn what_cannot_be_cleaned_closes_the_connection() {
    let world = World::new(15, "unclean").await;
    let pool = world.pool(1).await;
    let (a, b) = (pool.tenant(&tenant(0)), pool.tenant(&tenant(1)));
    for sql in ["SET default_transaction_read_only = on", "SET statement_timeout = '1ms'"] {
        for in_transaction in [false, true] {
            let before = process(&a).await;
            a.execute(sql, &[]).await.unwrap();
            if in_transaction {
                // BEGIN went out together with the context that was refused
                let tx = b.begin().await.unwrap();
                let row = tx.query_one("SELECT name, pg_sleep(0.01)::text FROM workspace", &[]).await.unwrap();
                assert_eq!(row.get::<_, String>(0), "Workspace 2", "{sql}");
                tx.execute("INSERT INTO project (name) VALUES ('after')", &[]).await.unwrap();
                tx.commit().await.unwrap();
            } else {
                assert_eq!(sees(&b).await, ["Workspace 2"], "{sql}");
                b.execute("INSERT INTO project (name) VALUES ('after')", &[]).await.unwrap();
            }
            if sql.contains("read_only") {
                assert_ne!(process(&b).await, before, "another connection");
            }
        }
    }
    assert_eq!(pool.counts().idle, 1);
}

/// A tenant may take its own context away. It loses it, gets nobody else's, and has it again.
#[tokio::test]
async fn who_loses_its_own_context_gets_it_again() {
    let world = World::new(15, "lost").await;
    let pool = world.pool(1).await;
    let a = pool.tenant(&tenant(0));
    for sql in ["RESET ALL", "DISCARD ALL", "DEALLOCATE ALL", "SET tenantry.context = ''", "DISCARD SEQUENCES"] {
        assert_eq!(sees(&a).await, ["Workspace 1"]);
        a.execute(sql, &[]).await.unwrap();
        assert_eq!(sees(&a).await, ["Workspace 1"], "{sql}");
        let inside: Result<(), Error> = a
            .transaction(|tx| async move {
                tx.query_one("SELECT name FROM workspace", &[]).await?;
                Ok(())
            })
            .await;
        inside.unwrap();
    }
    // words that cannot be read in the text: the next statement fails, closed, and the one after it does not
    a.execute("DO $$ BEGIN EXECUTE 'RES' || 'ET ALL'; END $$", &[]).await.unwrap();
    let refused = a.query("SELECT name FROM workspace", &[]).await.unwrap_err();
    assert_eq!(refused.sqlstate(), Some("42501"), "{refused:?}");
    assert_eq!(sees(&a).await, ["Workspace 1"]);
    // a name of the pool's statements taken by SQL
    a.execute(
        "DO $$ DECLARE n text; BEGIN
           SELECT name INTO n FROM pg_prepared_statements WHERE statement LIKE '%FROM workspace%' AND NOT from_sql LIMIT 1;
           EXECUTE 'DEALL' || 'OCATE ' || n; EXECUTE 'PREPARE ' || n || ' AS SELECT ''stolen''';
         END $$",
        &[],
    )
    .await
    .unwrap();
    assert_eq!(sees(&pool.tenant(&tenant(1))).await, ["Workspace 2"]);
}

#[tokio::test]
async fn a_connection_the_server_ended_is_replaced() {
    let world = World::new(15, "ended").await;
    let pool = world.pool(1).await;
    let (a, b) = (pool.tenant(&tenant(0)), pool.tenant(&tenant(1)));
    let before = process(&a).await;
    let tx = a.begin().await.unwrap();
    world.admin(&format!("SELECT pg_terminate_backend({before}, 10000)::text")).await;
    assert!(tx.execute("INSERT INTO project (name) VALUES ('lost')", &[]).await.is_err());
    assert!(tx.commit().await.is_err());
    assert_eq!(sees(&b).await, ["Workspace 2"]);
    let after = process(&b).await;
    assert_ne!(after, before);
    world.admin(&format!("SELECT pg_terminate_backend({after}, 10000)::text")).await;
    // to begin is tried again on a new connection, since nothing of the tenant was sent
    a.begin().await.unwrap().rollback().await.unwrap();
    assert_eq!(world.admin("SELECT count(*)::text FROM project WHERE name = 'lost'").await, "0");
}

#[tokio::test]
async fn a_context_that_is_refused_twice_is_an_error() {
    let world = World::new(15, "refused").await;
    let pool = world.pool(1).await;
    let a = pool.tenant(&tenant(0));
    assert_eq!(sees(&a).await, ["Workspace 1"]);
    world.db.execute("UPDATE tenantry.signing_key SET not_after = now() - interval '1 second'").await;
    let refused = pool.tenant(&tenant(1)).query("SELECT 1", &[]).await.unwrap_err();
    assert!(matches!(refused, Error::Context { .. }), "{refused:?}");
    assert_eq!(refused.sqlstate(), Some("42501"));
    world.db.execute("UPDATE tenantry.signing_key SET not_after = 'infinity'").await;
    assert_eq!(sees(&pool.tenant(&tenant(1))).await, ["Workspace 2"]);
}
