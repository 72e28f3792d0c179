//! Layer W, prepared statements: everybody's names are their own, whatever happens on the connection they share.

use crate::scene::{BODIES, Scene, canary};
use crate::wire::Batch;

fn call(name: &str) -> Batch {
    Batch::default().bind(name, &[]).execute().sync()
}

#[tokio::test]
async fn w16_one_name_two_clients_two_statements() {
    // room for a single statement, so that each use evicts the other's
    for most in [1, 2, 100] {
        let scene = Scene::with(1, |settings, _| settings.prepared_max = most).await;
        let (mut a, mut b) = (scene.tenant("acme").await, scene.tenant("bolt").await);
        a.batch(Batch::default().parse("s1", "SELECT 'a', body FROM notes").sync()).await.good();
        b.batch(Batch::default().parse("s1", "SELECT 'b', body FROM notes").sync()).await.good();
        assert_eq!(a.backend().await, b.backend().await);
        for _ in 0..3 {
            let reply = a.batch(call("s1")).await;
            assert_eq!(reply.column(), ["a"; 3], "{reply:?}");
            assert!(reply.holds(canary("acme")) && !reply.holds(canary("bolt")));
            let reply = b.batch(Batch::default().describe("s1").bind("s1", &[]).execute().sync()).await;
            assert_eq!(reply.column(), ["b"; 3], "{reply:?}");
            assert!(reply.holds(canary("bolt")) && !reply.holds(canary("acme")));
        }
        // closed by one, it is still the other's, and the name is free again
        a.batch(Batch::default().close("s1").sync()).await.good();
        assert_eq!(a.batch(call("s1")).await.code(), "26000");
        a.batch(Batch::default().parse("s1", "SELECT 'new'").sync()).await.good();
        assert_eq!(a.batch(call("s1")).await.column(), ["new"]);
        assert_eq!(b.batch(call("s1")).await.column(), ["b"; 3]);
    }
}

/// The same text prepared by both: one plan may serve, each sees its own rows.
#[tokio::test]
async fn w17_one_text_two_tenants_two_search_paths_two_types() {
    let scene = Scene::new(1).await;
    let sql = "CREATE SCHEMA one; CREATE SCHEMA two; CREATE TABLE one.t AS SELECT 'one' AS x; CREATE TABLE two.t AS SELECT 'two' AS x";
    scene
        .db
        .execute(&format!("{sql}; GRANT USAGE ON SCHEMA one, two TO PUBLIC; GRANT SELECT ON one.t, two.t TO PUBLIC"))
        .await;
    let mut one = scene.tenant_with("acme", &[("search_path", "one, public")]).await.unwrap();
    let mut two = scene.tenant_with("acme", &[("search_path", "two, public")]).await.unwrap();
    let mut b = scene.tenant("bolt").await;
    for _ in 0..3 {
        for (client, path) in [(&mut one, "one"), (&mut two, "two")] {
            let reply =
                client.batch(Batch::default().parse(path, "SELECT x FROM t").bind(path, &[]).execute().sync()).await;
            assert_eq!(reply.column(), [path], "{reply:?}");
            client.batch(Batch::default().close(path).sync()).await.good();
            let reply =
                client.batch(Batch::default().parse(path, BODIES).bind(path, &[]).execute().close(path).sync()).await;
            assert_eq!(reply.column(), [canary("acme"); 3], "{reply:?}");
        }
        let reply = b.batch(Batch::default().parse("s", BODIES).bind("s", &[]).execute().close("s").sync()).await;
        assert_eq!(reply.column(), [canary("bolt"); 3], "{reply:?}");
    }
    // the same text with other types of its parameter
    for (types, kind) in [(&[0_u8, 1, 0, 0, 0, 23][..], "integer"), (&[0, 1, 0, 0, 0, 25], "text")] {
        let mut batch = Batch::default();
        tenantry_wire::frontend::write_parse(&mut batch.0, b"typed", b"SELECT pg_typeof($1)", types).unwrap();
        let reply = b.batch(batch.bind("typed", &["1"]).execute().close("typed").sync()).await;
        assert_eq!(reply.column(), [kind]);
    }
}

/// One client makes the server forget or refuse what is prepared; nobody's statements fail for it but once its own.
#[tokio::test]
async fn w16_what_one_client_does_to_statements_breaks_nobodys() {
    let scene = Scene::new(1).await;
    for trick in [
        "DEALLOCATE ALL",
        "DEALLOCATE nothing",
        "PREPARE x AS SELECT 1",
        "DO $$BEGIN EXECUTE 'DEALLOCATE ALL'; END$$",
        "DO $$BEGIN RAISE EXCEPTION USING ERRCODE = '0A000'; END$$",
        "DO $$BEGIN RAISE EXCEPTION USING ERRCODE = '26000'; END$$",
        "SELECT body FROM notes GROUP BY body FOR UPDATE",
        "EXECUTE tenantry_1",
        "DISCARD PLANS",
        "SELECT 1; DEALLOCATE ALL",
        "DO $$DECLARE n text; BEGIN FOR n IN SELECT name FROM pg_prepared_statements LOOP EXECUTE 'DEALLOCATE ' || n; EXECUTE 'PREPARE ' || n || ' AS SELECT ''evil'''; END LOOP; END$$",
    ] {
        let mut others = [scene.tenant("bolt").await, scene.tenant("acme").await];
        for other in &mut others {
            other.batch(Batch::default().parse("s", BODIES).parse("t", "SELECT 't'").sync()).await.good();
        }
        let mut a = scene.tenant("acme").await;
        a.batch(Batch::default().parse("mine", "SELECT 'mine'").bind("mine", &[]).execute().sync()).await.good();
        a.query(trick).await;
        for round in 0..3 {
            for (other, tenant) in others.iter_mut().zip(["bolt", "acme"]) {
                assert_eq!(other.batch(call("s")).await.good().column(), [canary(tenant); 3], "{trick} {round}");
                assert_eq!(other.batch(call("t")).await.good().column(), ["t"], "{trick} {round}");
            }
        }
    }
}

/// No client runs or reads what another has prepared.
#[tokio::test]
async fn w16_names_of_the_proxy_are_nobodys() {
    let scene = Scene::new(1).await;
    let mut b = scene.tenant("bolt").await;
    b.batch(Batch::default().parse("s", "SELECT 'prepared by B', body FROM notes").bind("s", &[]).execute().sync())
        .await
        .good();
    let mut a = scene.tenant("acme").await;
    for number in 0..4 {
        let name = format!("tenantry_{number}");
        for batch in [call(&name), Batch::default().describe(&name).sync(), Batch::default().close(&name).sync()] {
            let reply = a.batch(batch).await;
            assert!(!reply.holds("prepared by B") && reply.status == 'I', "{name}: {reply:?}");
        }
    }
    assert_eq!(b.batch(call("s")).await.good().rows.len(), 3);
}

/// A statement whose first preparation was skipped because of an error is prepared again by the next batch of the
/// same write.
#[tokio::test]
async fn w12_a_preparation_that_was_skipped_is_made_up_for() {
    let scene = Scene::with(1, |settings, _| settings.prepared_max = 1).await;
    let mut a = scene.tenant("acme").await;
    a.batch(Batch::default().parse("s", "SELECT 's'").sync()).await.good();
    a.batch(Batch::default().parse("t", "SELECT 't'").sync()).await.good();
    let two = Batch::default().run("SELECT 1/0", &[]).bind("s", &[]).execute().sync().bind("s", &[]).execute().sync();
    a.send(&two.0).await;
    assert_eq!(a.reply().await.code(), "22012");
    assert_eq!(a.reply().await.good().column(), ["s"]);
}

/// A statement that cannot be prepared again is the client's error, told once.
#[tokio::test]
async fn w12_a_preparation_that_fails_is_told() {
    let scene = Scene::with(1, |settings, _| settings.prepared_max = 1).await;
    scene.db.execute("CREATE TABLE gone AS SELECT 'x' AS x; GRANT SELECT ON gone TO PUBLIC").await;
    let mut a = scene.tenant("acme").await;
    a.batch(Batch::default().parse("s", "SELECT x FROM gone").sync()).await.good();
    a.batch(Batch::default().parse("t", "SELECT 't'").sync()).await.good();
    scene.db.execute("DROP TABLE gone").await;
    let reply = a.batch(call("s")).await;
    assert_eq!((reply.tags.as_str(), reply.code()), ("EZ", "42P01"));
    assert_eq!(a.batch(call("t")).await.column(), ["t"]);
}

/// The server shows everybody on a connection the texts that are prepared there; a tenant's client finds its own only.
#[tokio::test]
async fn s04_the_texts_of_others_cannot_be_read() {
    let scene = Scene::new(1).await;
    let (mut a, mut b, mut backend) = (scene.tenant("acme").await, scene.tenant("bolt").await, scene.backend().await);
    let process = a.backend().await;
    let shown = "SELECT statement FROM pg_prepared_statements";
    // once as it is, and once after the proxy has stopped relying on what is prepared
    for doubt in ["SELECT 1", "DEALLOCATE nothing", "DO $$BEGIN END$$"] {
        a.batch(Batch::default().parse("s", "SELECT 'CANARY-acme'").bind("s", &[]).execute().sync()).await.good();
        assert!(a.query(shown).await.holds(canary("acme")), "the control: its own it sees");
        a.query(doubt).await;
        assert!(!b.query(shown).await.holds(canary("acme")), "{doubt}");
        backend.query("BEGIN; SET LOCAL app.tenant_id = 'acme'").await.good();
        backend.batch(Batch::default().parse("t", "SELECT 'CANARY-acme', 't'").sync()).await.good();
        backend.query("COMMIT").await.good();
        assert!(!b.query(shown).await.holds(canary("acme")), "{doubt}");
        // and each has its own still
        assert_eq!(a.batch(call("s")).await.column(), [canary("acme")]);
        assert_eq!(backend.batch(call("t")).await.column(), [canary("acme")]);
        a.batch(Batch::default().close("s").sync()).await.good();
        backend.batch(Batch::default().close("t").sync()).await.good();
    }
    assert_eq!(b.backend().await, process);
}
