//! Removals that come from committed writes, on a real PostgreSQL.

use std::time::Duration;

use serde_json::json;
use tenantry_blueprint::cache_rules::Rules;
use tenantry_cache::{Cache, Listener};
use tenantry_edge::admission::Admitted;
use tenantry_model::KeyKind;
use tenantry_pg::Target;
use tenantry_testkit::{Database, Restartable, available, dump, postgres};

use crate::scene::{SOON, Scene, get, put, until};

const TABLES: &str = "CREATE TABLE segment (tenant_id text NOT NULL, id integer PRIMARY KEY, name text);
                      CREATE TABLE country (code text);
                      INSERT INTO segment VALUES ('a', 1, 'one'), ('a', 2, 'two'), ('b', 3, 'three')";

fn rules() -> Rules {
    let section = json!({
        "public.segment": {"tenant": "tenant_id", "drop": ["segment:{id}", "segments:*"]},
        "public.country": {"tenant": "*", "drop": ["countries:*"]},
    });
    Rules::read(section).unwrap()
}

struct World {
    scene: Scene,
    db: Database,
    cache: Cache,
    listener: Listener,
}

impl World {
    async fn new(hint: &str) -> Self {
        let scene = Scene::new();
        let db = postgres(available()[0]).database(hint).await;
        db.execute(TABLES).await;
        db.execute(&rules().script().up).await;
        let cache = scene.process().await;
        let mut listener = Listener::start(cache.clone(), db.target(), KeyKind::Text);
        looked(&mut listener).await;
        Self { scene, db, cache, listener }
    }

    async fn fill(&self) -> [Admitted; 2] {
        let tenants = [self.scene.tenant("a"), self.scene.tenant("b")];
        for tenant in &tenants {
            for key in [("segment", "1"), ("segment", "2"), ("segment", "3"), ("segments", "page 1"), ("other", "")] {
                put(&self.cache, tenant, key, "v").await;
            }
        }
        tenants
    }

    async fn has(&self, tenant: &Admitted, key: (&str, &str)) -> bool {
        get(&self.cache, tenant, key).await.is_some()
    }
}

async fn looked(listener: &mut Listener) {
    tokio::time::timeout(SOON, listener.looked()).await.expect("the listener looks");
}

#[tokio::test]
async fn a_commit_drops_what_it_changed_and_nothing_else() {
    let world = World::new("drops").await;
    let [a, b] = world.fill().await;
    let client = world.db.connect_plain().await;
    client.batch_execute("BEGIN; UPDATE segment SET name = 'new' WHERE id = 1").await.unwrap();
    // another commit shows that the listener looked meanwhile
    world.db.execute("DELETE FROM segment WHERE id = 3").await;
    until("b's is dropped", || async { !world.has(&b, ("segment", "3")).await }).await;
    assert!(world.has(&a, ("segment", "1")).await, "not before the commit");
    client.batch_execute("COMMIT").await.unwrap();
    until("it is dropped after it", || async { !world.has(&a, ("segment", "1")).await }).await;
    until("the lists too", || async { !world.has(&a, ("segments", "page 1")).await }).await;
    assert!(world.has(&a, ("segment", "2")).await && world.has(&a, ("other", "")).await);
    assert!(world.has(&b, ("segment", "1")).await && world.has(&b, ("other", "")).await);
    // a row that moves is gone under its old number and under its new one
    put(&world.cache, &a, ("segment", "20"), "v").await;
    world.db.execute("UPDATE segment SET id = 20 WHERE id = 2").await;
    for id in ["2", "20"] {
        until("both are dropped", || async { !world.has(&a, ("segment", id)).await }).await;
    }
}

#[tokio::test]
async fn what_is_rolled_back_drops_nothing() {
    let mut world = World::new("back").await;
    let [a, _] = world.fill().await;
    let client = world.db.connect_plain().await;
    client.batch_execute("BEGIN; DELETE FROM segment; ROLLBACK").await.unwrap();
    client.batch_execute("UPDATE segment SET name = 'x' WHERE false").await.unwrap();
    looked(&mut world.listener).await;
    assert!(world.has(&a, ("segment", "1")).await && world.has(&a, ("segments", "page 1")).await);
}

#[tokio::test]
async fn many_rows_drop_the_kind_and_a_table_of_all_drops_everybodys() {
    let world = World::new("many").await;
    let [a, b] = world.fill().await;
    world.db.execute("INSERT INTO segment SELECT 'a', n, 'x' FROM generate_series(100, 5000) AS n").await;
    until("the whole kind is dropped", || async { !world.has(&a, ("segment", "1")).await }).await;
    assert!(world.has(&a, ("other", "")).await && world.has(&b, ("segment", "1")).await);
    world.db.execute("INSERT INTO country VALUES ('de')").await;
    until("everybody's", || async { !world.has(&b, ("segment", "1")).await }).await;
    let [a, b] = world.fill().await;
    world.db.execute("TRUNCATE segment").await;
    until("a truncated table is everybody's", || async {
        !world.has(&a, ("other", "")).await && !world.has(&b, ("other", "")).await
    })
    .await;
}

#[tokio::test]
async fn the_application_needs_no_rights_and_reads_no_changes() {
    let world = World::new("rights").await;
    let [a, _] = world.fill().await;
    let login = world.db.login("app", "").await;
    world.db.execute(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON segment TO \"{}\"", login.user())).await;
    let app = tenantry_pg::connect(&login).await.unwrap();
    app.batch_execute("LISTEN tenantry_cache; UPDATE public.segment SET name = 'y' WHERE id = 1").await.unwrap();
    until("it is dropped", || async { !world.has(&a, ("segment", "1")).await }).await;
    for forbidden in ["SELECT * FROM tenantry_cache.change", "INSERT INTO tenantry_cache.change (tenant) VALUES ('b')"]
    {
        let error = app.batch_execute(forbidden).await.unwrap_err();
        assert_eq!(error.code().map(|c| c.code().to_owned()).as_deref(), Some("42501"), "{forbidden}");
    }
}

#[tokio::test]
async fn the_way_back_is_exact_and_up_can_be_run_again() {
    let db = postgres(available()[0]).database("exact").await;
    db.execute(TABLES).await;
    let before = dump(&db);
    let script = rules().script();
    db.execute(&script.up).await;
    let up = dump(&db);
    db.execute(&script.up).await;
    assert_eq!(dump(&db), up);
    assert_ne!(up, before);
    db.execute(&script.down).await;
    assert_eq!(dump(&db), before);
}

#[tokio::test]
async fn what_changes_while_nobody_listens_is_caught_up_or_everything_is_forgotten() {
    let scene = Scene::new();
    let mut server = Restartable::start(available()[0]);
    let execute = |target: Target, sql: String| async move {
        tenantry_pg::connect_with(&target, &tenantry_pg::Session::plain())
            .await
            .unwrap()
            .batch_execute(&sql)
            .await
            .unwrap();
    };
    execute(server.target(), format!("{TABLES}; {}", rules().script().up)).await;
    let cache = scene.process().await;
    let mut listener = Listener::start(cache.clone(), server.target(), KeyKind::Text);
    looked(&mut listener).await;
    let a = scene.tenant("a");
    let keys = [("segment", "1"), ("segment", "2")];
    // the listener is away, somebody changes a row, another listener comes
    drop(listener);
    for key in keys {
        put(&cache, &a, key, "v").await;
    }
    execute(server.target(), "UPDATE segment SET name = 'x' WHERE id = 1".into()).await;
    let mut listener = Listener::start(cache.clone(), server.target(), KeyKind::Text);
    looked(&mut listener).await;
    assert!(get(&cache, &a, keys[0]).await.is_none() && get(&cache, &a, keys[1]).await.is_some());
    // the server restarts under it: nobody knows what was lost
    server.stop();
    server.start_again();
    until("everything is forgotten", || async { get(&cache, &a, keys[1]).await.is_none() }).await;
    put(&cache, &a, keys[1], "v").await;
    tokio::time::timeout(SOON + Duration::from_secs(5), listener.looked()).await.unwrap();
    execute(server.target(), "UPDATE segment SET name = 'z' WHERE id = 2".into()).await;
    until("it listens again", || async { get(&cache, &a, keys[1]).await.is_none() }).await;
}
