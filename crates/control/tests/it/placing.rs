//! Tenants with a schema or database of their own: made, failed, killed at every moment, entered by nobody else.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tenantry_control::{Application, Control, Mortal};
use tenantry_pg::{Client, Session, Target, connect_with};
use tenantry_testkit::{Database, corpus, postgres};

use crate::scene::Scene;

/// An application with every kind of object that a copy must have.
pub(crate) const APPLICATION: &str = r#"
CREATE TYPE mood AS ENUM ('calm', 'loud');
CREATE DOMAIN short AS text CHECK (length(VALUE) < 9);
CREATE SEQUENCE ticket START 100;
CREATE FUNCTION shout(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper(t)';
CREATE TABLE "Person" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    loud text GENERATED ALWAYS AS (shout(name)) STORED,
    mood mood NOT NULL DEFAULT 'calm',
    code short,
    number bigint DEFAULT nextval('ticket')
);
CREATE TABLE note (
    id serial PRIMARY KEY,
    person bigint NOT NULL REFERENCES "Person" ON DELETE CASCADE,
    body text NOT NULL CHECK (body <> ''),
    changed_at timestamptz,
    UNIQUE (person, body)
);
CREATE INDEX note_body ON note (lower(body)) WHERE body LIKE 'a%';
CREATE TABLE happening (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE happening_2026 PARTITION OF happening FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX happening_what ON happening (what);
CREATE VIEW people AS SELECT id, name FROM "Person";
CREATE VIEW first_people AS SELECT * FROM people LIMIT 1;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.changed_at := now(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON note FOR EACH ROW EXECUTE FUNCTION touch();
CREATE FUNCTION persons() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public AS 'SELECT count(*) FROM "Person"';
CREATE FUNCTION somebody() RETURNS "Person" LANGUAGE sql AS 'SELECT * FROM "Person" LIMIT 1';
INSERT INTO "Person" (name) VALUES ('of the template');
"#;

/// An application's server, with a database and a template of it.
pub(crate) struct Ground {
    pub(crate) scene: Scene,
    pub(crate) application: Database,
    /// Lives as long as the test.
    _template: Database,
    pub(crate) id: String,
}

impl Ground {
    pub(crate) async fn new(hint: &str) -> Self {
        let application = postgres(15).database(&format!("{hint}_app")).await;
        application.execute(APPLICATION).await;
        let template = postgres(15).database(&format!("{hint}_tpl")).await;
        template.execute(APPLICATION).await;
        let known = Application { target: application.target(), context_key: None, runtime: None };
        let scene = Scene::with_places(hint, BTreeMap::from([("main".to_owned(), known)])).await;
        let body = json!({ "name": "main", "strategies": ["schema", "database"],
            "templateSchema": "public", "templateDatabase": template.name() });
        let made = scene.operate("POST", "/api/databases").json(&body).send().await;
        let id = made.is(201).text("id");
        Self { scene, application, _template: template, id }
    }

    /// Asks for a tenant.
    pub(crate) async fn ask(&self, slug: &str, strategy: &str) -> String {
        let body = json!({ "name": slug, "slug": slug, "isolationStrategy": strategy });
        let made = self.scene.operate("POST", "/api/tenants").json(&body).send().await;
        assert_eq!(made.is(201).body["status"], "provisioning");
        made.text("id")
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.scene.operate("GET", path).send().await.is(200).body.clone()
    }

    pub(crate) async fn status(&self, id: &str) -> String {
        self.get(&format!("/api/tenants/{id}")).await["status"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn set(&self, change: Value) {
        let path = format!("/api/databases/{}", self.id);
        let now = self.scene.operate("GET", &path).send().await;
        self.scene.operate("PATCH", &path).header("if-match", &now.etag()).json(&change).send().await.is(200);
    }

    /// The tenant's own login.
    pub(crate) async fn login(&self, id: &str) -> Target {
        let shown = self.scene.operate("POST", &format!("/api/tenants/{id}/login")).send().await;
        shown.is(200);
        let target = self.application.target().with_database(&shown.text("database"));
        target.with_login(&shown.text("user"), &shown.text("password"))
    }

    pub(crate) async fn enter(&self, id: &str) -> Client {
        connect_with(&self.login(id).await, &Session::plain()).await.unwrap()
    }

    /// What of a tenant is on the application's server: schemas, databases, roles.
    pub(crate) async fn traces(&self, id: &str) -> i64 {
        let client = self.application.connect().await;
        let like = format!("%t_{}%", id.replace('-', ""));
        let sql = "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname LIKE $1)
                        + (SELECT count(*) FROM pg_database WHERE datname LIKE $1)
                        + (SELECT count(*) FROM pg_roles WHERE rolname LIKE $1)";
        client.query_one(sql, &[&like]).await.unwrap().get(0)
    }

    /// Whether gateway and proxy are told of a tenant.
    pub(crate) async fn is_published(&self, id: &str) -> bool {
        self.scene.control.directory_if_changed(0).await.unwrap().unwrap().text.contains(id)
    }

    /// Databases of tenants go with the test.
    pub(crate) async fn end(self) {
        let client = self.scene.database.connect().await;
        let sql = "SELECT database_name FROM tenantry_control.placement WHERE database_name IS NOT NULL
                   UNION SELECT name FROM tenantry_control.warm_database";
        for row in client.query(sql, &[]).await.unwrap() {
            let name: String = row.get(0);
            self.application.execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }
}

async fn number(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap_or_else(|e| panic!("{sql}: {}", tenantry_pg::in_plain_words(&e))).get(0)
}

/// SQLSTATE of what is refused.
async fn refused(client: &Client, sql: &str) -> String {
    let error = client.batch_execute(sql).await.expect_err(sql);
    error.code().unwrap_or_else(|| panic!("{sql}: {error}")).code().to_owned()
}

async fn works(client: &Client) {
    client
        .batch_execute(
            "INSERT INTO \"Person\" (name, code) VALUES ('ada', 'x'); INSERT INTO note (person, body) VALUES (1, 'a')",
        )
        .await
        .unwrap();
    assert_eq!(number(client, "SELECT count(*) FROM note WHERE changed_at IS NOT NULL").await, 1);
    assert_eq!(number(client, "SELECT number FROM \"Person\" WHERE loud = 'ADA' AND mood = 'calm'").await, 100);
    assert_eq!(number(client, "SELECT persons()").await, 1);
    assert_eq!(number(client, "SELECT count(*) FROM first_people").await, 1);
    client.batch_execute("INSERT INTO happening VALUES ('2026-05-05', 'x')").await.unwrap();
    assert_eq!(refused(client, "INSERT INTO note (person, body) VALUES (99, 'b')").await, "23503");
    assert_eq!(refused(client, "INSERT INTO note (person, body) VALUES (1, '')").await, "23514");
    assert_eq!(refused(client, "CREATE TABLE mine (id int)").await, "42501");
    assert_eq!(refused(client, "DROP TABLE note").await, "42501");
}

#[tokio::test]
async fn a_schema_is_whole_its_own_and_nobody_elses() {
    let ground = Ground::new("schema").await;
    let (a, b) = (ground.ask("aa", "schema").await, ground.ask("bb", "schema").await);
    assert!(!ground.is_published(&a).await);
    ground.scene.control.work().await.unwrap();
    assert_eq!((ground.status(&a).await.as_str(), ground.status(&b).await.as_str()), ("active", "active"));
    assert!(ground.is_published(&a).await);
    let client = ground.enter(&a).await;
    works(&client).await;
    let other = format!("t_{}", b.replace('-', ""));
    for table in [format!("{other}.note"), "public.note".to_owned()] {
        assert_eq!(refused(&client, &format!("SELECT * FROM {table}")).await, "42501");
    }
    // what is in neither is not found somewhere else
    assert_eq!(refused(&client, "SELECT * FROM nowhere").await, "42P01");
    let second = ground.enter(&b).await;
    works(&second).await;
    // the template is as it was
    let owner = ground.application.connect_plain().await;
    assert_eq!(number(&owner, "SELECT count(*) FROM public.\"Person\"").await, 1);
    // every object of the template has its counterpart
    let objects = |schema: &str| {
        format!(
            "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = '{schema}'::regnamespace)
                  + (SELECT count(*) FROM pg_proc WHERE pronamespace = '{schema}'::regnamespace)
                  + (SELECT count(*) FROM pg_constraint WHERE connamespace = '{schema}'::regnamespace)
                  + (SELECT count(*) FROM pg_type WHERE typnamespace = '{schema}'::regnamespace)"
        )
    };
    assert_eq!(number(&owner, &objects(&other)).await, number(&owner, &objects("public")).await);
    let placement = ground.get(&format!("/api/tenants/{a}/placement")).await;
    assert_eq!((&placement["database"], &placement["work"]["ended"]), (&json!("main"), &json!(true)));
    let listed = ground.get("/api/databases").await;
    assert_eq!(listed["items"][0]["tenants"], 2);
    assert!(!listed.to_string().contains("password"), "{listed}");
    // a tenant that is kept out is kept out here too, at once, and comes back
    ground.scene.operate("POST", &format!("/api/tenants/{a}/suspend")).send().await.is(200);
    let before = ground.login(&a).await;
    ground.scene.control.work().await.unwrap();
    assert!(client.query_one("SELECT 1", &[]).await.is_err());
    assert!(connect_with(&before, &Session::plain()).await.is_err());
    ground.scene.operate("POST", &format!("/api/tenants/{a}/resume")).send().await.is(200);
    ground.scene.control.work().await.unwrap();
    assert_eq!(number(&ground.enter(&a).await, "SELECT count(*) FROM note").await, 1);
}

#[tokio::test]
async fn a_database_is_copied_or_was_made_ahead() {
    let ground = Ground::new("dbase").await;
    let a = ground.ask("aa", "database").await;
    ground.scene.control.work().await.unwrap();
    assert_eq!(ground.status(&a).await, "active");
    let client = ground.enter(&a).await;
    client.batch_execute("TRUNCATE note").await.unwrap_err();
    assert_eq!(number(&client, "SELECT count(*) FROM \"Person\"").await, 1);
    assert_eq!(refused(&client, "CREATE TABLE mine (id int)").await, "42501");

    ground.set(json!({ "warm": 2 })).await;
    ground.scene.control.work().await.unwrap();
    assert_eq!(ground.get("/api/databases").await["items"][0]["warmReady"], 2);
    let b = ground.ask("bb", "database").await;
    ground.scene.control.work().await.unwrap();
    assert_eq!(ground.status(&b).await, "active");
    let placement = ground.get(&format!("/api/tenants/{b}/placement")).await;
    assert!(placement["databaseName"].as_str().unwrap().starts_with("w_"), "{placement}");
    // another one is made ahead in its stead, and all go if none are wanted
    assert_eq!(ground.get("/api/databases").await["items"][0]["warmReady"], 2);
    // neither enters the other's
    let own = ground.login(&b).await;
    let there = own.with_database(&format!("t_{}", a.replace('-', "")));
    assert!(connect_with(&there, &Session::plain()).await.is_err());
    connect_with(&own, &Session::plain()).await.unwrap();
    ground.set(json!({ "warm": 0 })).await;
    ground.scene.control.work().await.unwrap();
    assert_eq!(ground.get("/api/databases").await["items"][0]["warmReady"], 0);
    ground.end().await;
}

#[tokio::test]
async fn what_cannot_be_made_is_taken_back_and_can_be_tried_again() {
    let ground = Ground::new("fail").await;
    let bad = "CREATE FUNCTION bad() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM public.note); END'";
    ground.application.execute(bad).await;
    let id = ground.ask("aa", "schema").await;
    ground.scene.control.work().await.unwrap();
    let tenant = ground.get(&format!("/api/tenants/{id}")).await;
    assert_eq!(tenant["status"], "failed");
    let why = tenant["statusReason"].as_str().unwrap();
    assert!(why.contains("function bad names the schema in its body"), "{why}");
    assert_eq!(ground.traces(&id).await, 0);
    assert!(!ground.is_published(&id).await);
    let path = format!("/api/tenants/{id}");
    assert_eq!(ground.scene.operate("POST", &format!("{path}/login")).send().await.is(409).code(), "STATE_CONFLICT");
    ground.application.execute("DROP FUNCTION bad()").await;
    ground.scene.operate("POST", &format!("{path}/retry")).send().await.is(200);
    ground.scene.control.work().await.unwrap();
    assert_eq!(ground.status(&id).await, "active");
    ground.scene.operate("POST", &format!("{path}/retry")).send().await.is(409);

    // a template that is not there
    ground.set(json!({ "templateDatabase": "nowhere_at_all" })).await;
    let gone = ground.ask("bb", "database").await;
    ground.scene.control.work().await.unwrap();
    assert_eq!((ground.status(&gone).await.as_str(), ground.traces(&gone).await), ("failed", 0));
    // who could not be made is not made by being deleted and restored
    let path = format!("/api/tenants/{gone}");
    let now = ground.scene.operate("GET", &path).send().await;
    ground.scene.operate("DELETE", &path).header("if-match", &now.etag()).send().await.is(200);
    ground.scene.operate("POST", &format!("{path}/restore")).send().await.is(200);
    assert_eq!(ground.status(&gone).await, "failed");
}

#[tokio::test]
async fn killed_at_any_moment_a_tenant_is_there_or_it_is_not() {
    let ground = Ground::new("kill").await;
    for (strategy, warm) in [("schema", 0), ("database", 0), ("database", 1)] {
        ground.set(json!({ "warm": warm })).await;
        let mut died = 0;
        for n in 1.. {
            ground.scene.control.work().await.unwrap();
            let id = ground.ask(&format!("{strategy}-{warm}-{n}-x"), strategy).await;
            let ended = Mortal::at(n).run(ground.scene.control.work()).await;
            let published = ground.is_published(&id).await;
            assert_eq!(published, ground.status(&id).await == "active", "{strategy} {n}");
            // another process goes on; the loan of the dead one is over
            again(&ground).await;
            assert_eq!(ground.status(&id).await, "active", "{strategy} {n}");
            let client = ground.enter(&id).await;
            assert!(number(&client, "SELECT count(*) FROM \"Person\"").await < 2);
            if ended {
                break;
            }
            died += 1;
        }
        assert!(died >= 5, "{strategy} {warm}: only {died} moments");
    }
    ground.end().await;
}

#[tokio::test]
async fn killed_on_the_way_back_nothing_is_left() {
    let ground = Ground::new("back").await;
    ground
        .application
        .execute("CREATE FUNCTION bad() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN public.shout(''''); END'")
        .await;
    for n in 1.. {
        let id = ground.ask(&format!("back-{n}-x"), "schema").await;
        let ended = Mortal::at(n).run(ground.scene.control.work()).await;
        again(&ground).await;
        assert_eq!((ground.status(&id).await.as_str(), ground.traces(&id).await), ("failed", 0), "{n}");
        if ended {
            assert!(n > 4, "only {n} moments");
            break;
        }
    }
}

/// Another control plane does what is left, once the dead one's loans are over.
pub(crate) async fn again(ground: &Ground) {
    let ago =
        "UPDATE tenantry_control.task SET leased_until = now() - interval '1 second' WHERE leased_until IS NOT NULL";
    // what the dead one's sessions hold goes with them
    for _ in 0..200 {
        ground.scene.database.execute(ago).await;
        let due = "UPDATE tenantry_control.task SET due_at = now() WHERE ended_at IS NULL AND due_at > now()";
        ground.scene.database.execute(due).await;
        let control = Control::start(ground.scene.settings.clone()).await.unwrap();
        control.work().await.unwrap();
        let client = ground.scene.database.connect().await;
        if number(&client, "SELECT count(*) FROM tenantry_control.task WHERE ended_at IS NULL").await == 0 {
            return;
        }
    }
    panic!("there is still something to do");
}

#[tokio::test]
async fn two_control_planes_do_each_task_once() {
    let ground = Ground::new("two").await;
    let mut ids = Vec::new();
    for n in 0..12 {
        ids.push(ground.ask(&format!("tenant-{n}-x"), if n % 4 == 0 { "database" } else { "schema" }).await);
    }
    let other = Control::start(ground.scene.settings.clone()).await.unwrap();
    let (first, second) = tokio::join!(ground.scene.control.work(), other.work());
    assert!(first.unwrap() + second.unwrap() >= ids.len());
    again(&ground).await;
    for id in &ids {
        let tenant = ground.get(&format!("/api/tenants/{id}")).await;
        assert_eq!(tenant["status"], "active", "{tenant}");
    }
    let client = ground.scene.database.connect().await;
    let sql = "SELECT count(*) FROM tenantry_control.audit_entry WHERE action = 'TENANT_PROVISIONED'";
    assert_eq!(number(&client, sql).await, 12);
    ground.end().await;
}

#[tokio::test]
async fn a_place_is_chosen_where_there_is_room_and_bad_input_is_refused() {
    let ground = Ground::new("room").await;
    ground.set(json!({ "capacity": 1 })).await;
    let body = |slug: &str| json!({ "name": slug, "slug": slug, "isolationStrategy": "schema" });
    let make = async |slug: &'static str| ground.scene.operate("POST", "/api/tenants").json(&body(slug)).send().await;
    // two at once for the last place
    let (a, b) = tokio::join!(make("one-x"), make("two-x"));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422]);
    assert_eq!(make("three-x").await.is(422).code(), "STRATEGY_UNAVAILABLE");
    ground.set(json!({ "capacity": null, "drained": true })).await;
    make("four-x").await.is(422);
    // shared tenants need no database
    ground.scene.tenant("shared-x1").await;
    let path = format!("/api/databases/{}", ground.id);
    let now = ground.scene.operate("GET", &path).send().await;
    for (bad, status) in [
        (json!({ "strategies": [] }), 400),
        (json!({ "strategies": ["rows"] }), 400),
        (json!({ "strategies": ["shared"] }), 409),
        (json!({ "templateSchema": null }), 400),
        (json!({ "templateSchema": "pg_catalog" }), 400),
        (json!({ "templateSchema": "a\u{0}b" }), 400),
        (json!({ "capacity": -1 }), 400),
        (json!({ "capacity": 99_999_999_999_i64 }), 400),
        (json!({ "warm": 51 }), 400),
        (json!({ "templateDatabase": ground.application.name() }), 400),
        (json!({ "password": "x" }), 400),
    ] {
        let sent = ground.scene.operate("PATCH", &path).header("if-match", &now.etag()).json(&bad).send().await;
        assert_eq!(sent.status, status, "{bad}");
    }
    let stale = ground.scene.operate("PATCH", &path).header("if-match", "\"0\"").json(&json!({ "warm": 0 }));
    stale.send().await.is(412);
    let gone = ground.scene.operate("DELETE", &path).header("if-match", &now.etag()).send().await;
    assert_eq!(gone.is(409).code(), "STATE_CONFLICT");
    for (bad, status) in [
        (json!({ "name": "main", "strategies": ["shared"] }), 409),
        (json!({ "name": "unknown", "strategies": ["shared"] }), 400),
        (json!({ "name": "Main", "strategies": ["shared"] }), 400),
        (json!({ "name": "main", "strategies": ["database"] }), 400),
    ] {
        let sent = ground.scene.operate("POST", "/api/databases").json(&bad).send().await;
        assert_eq!(sent.status, status, "{bad}: {:?}", sent.body);
    }
    ground.scene.operate("GET", "/api/databases/not-an-id").send().await.is(400);
    ground.scene.operate("GET", &format!("/api/databases/{}", ground.scene.tenant("x-1-y").await)).send().await.is(404);
}

#[tokio::test]
async fn schemas_of_real_applications_are_copied() {
    if corpus::dir().is_none() {
        eprintln!("left out: no corpus");
        return;
    }
    for app in corpus::apps() {
        let application = postgres(15).database(&format!("real_{app}")).await;
        corpus::load(&app, &application).await;
        // extensions have a schema of their own
        let moved = "CREATE SCHEMA extensions; DO $$ DECLARE e name; BEGIN
            FOR e IN SELECT extname FROM pg_extension WHERE extnamespace = 'public'::regnamespace LOOP
                EXECUTE format('ALTER EXTENSION %I SET SCHEMA extensions', e); END LOOP; END $$";
        application.execute(moved).await;
        let known = Application { target: application.target(), context_key: None, runtime: None };
        let scene = Scene::with_places("real", BTreeMap::from([("main".to_owned(), known)])).await;
        let body = json!({ "name": "main", "strategies": ["schema"], "templateSchema": "public" });
        scene.operate("POST", "/api/databases").json(&body).send().await.is(201);
        let body = json!({ "name": "x", "slug": "real-x", "isolationStrategy": "schema" });
        let id = scene.operate("POST", "/api/tenants").json(&body).send().await.is(201).text("id");
        scene.control.work().await.unwrap();
        let tenant = scene.operate("GET", &format!("/api/tenants/{id}")).send().await;
        assert_eq!(tenant.body["status"], "active", "{app}: {:?}", tenant.body);
        let client = application.connect().await;
        let copy = format!("t_{}", id.replace('-', ""));
        for catalog in [
            "pg_class WHERE relnamespace",
            "pg_proc WHERE pronamespace",
            "pg_constraint WHERE connamespace",
            "pg_type WHERE typnamespace",
        ] {
            let count = async |schema: &str| {
                number(&client, &format!("SELECT count(*) FROM {catalog} = '{schema}'::regnamespace")).await
            };
            assert_eq!(count(&copy).await, count("public").await, "{app}: {catalog}");
        }
        for (what, part) in [
            ("defaults", "pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid"),
            ("triggers", "pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid"),
            ("not nulls", "pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND a.attnotnull AND a.attnum > 0"),
            ("indexes", "pg_index i JOIN pg_class c ON c.oid = i.indrelid AND i.indisvalid"),
        ] {
            let count = async |schema: &str| {
                number(&client, &format!("SELECT count(*) FROM {part} WHERE c.relnamespace = '{schema}'::regnamespace"))
                    .await
            };
            assert_eq!(count(&copy).await, count("public").await, "{app}: {what}");
        }
    }
}
