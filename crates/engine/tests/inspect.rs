//! Reading structures: a nasty one on every version, as a stranger, under a lock, and a large one against the clock.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::collections::BTreeSet;
use std::time::Instant;

use tenantry_blueprint::catalog::{Action, Catalog, Table, TableKind};
use tenantry_engine::inspect;
use tenantry_model::{Class, QualifiedName};
use tenantry_testkit::{Database, available, corpus, postgres};

const NASTY: &str = include_str!("fixtures/nasty.sql");

async fn read(db: &Database) -> Catalog {
    inspect::read(&db.connect().await).await.unwrap()
}

/// A catalog without what belongs to the whole server, which other tests change meanwhile, and its fingerprint.
fn of_database(catalog: Catalog) -> (Catalog, String) {
    let fingerprint = catalog.fingerprint();
    (Catalog { roles: vec![], stored_settings: vec![], parameter_acls: vec![], ..catalog }, fingerprint)
}

fn table<'a>(catalog: &'a Catalog, name: &str) -> &'a Table {
    let name: QualifiedName = name.parse().unwrap();
    catalog.table(&name).unwrap_or_else(|| panic!("{name} was not read"))
}

fn names<T: ToString>(list: impl IntoIterator<Item = T>) -> Vec<String> {
    list.into_iter().map(|n| n.to_string()).collect()
}

/// A server without ICU has no collation under which different texts are equal; everything else stays.
async fn has_icu(db: &Database) -> bool {
    let made = "CREATE COLLATION public.probe (provider = icu, locale = 'und'); DROP COLLATION public.probe";
    db.connect().await.batch_execute(made).await.is_ok()
}

#[tokio::test]
async fn a_nasty_schema_is_read_whole() {
    for major in available() {
        let db = postgres(major).database("nasty").await;
        let icu = has_icu(&db).await;
        let plain = "provider = icu, locale = 'und-u-ks-level2', deterministic = false";
        db.execute(&if icu { NASTY.to_owned() } else { NASTY.replace(plain, "locale = 'C'") }).await;
        let catalog = read(&db).await;
        check_nasty(&catalog);
        let code = table(&catalog, "\"Sales.Dept\".\"Order.Item\"").column("code").unwrap();
        assert_eq!(code.collation_deterministic, !icu);
        if major >= 18 {
            temporal_keys(&db).await;
        }
        assert_eq!(catalog.server_version_num / 10_000, major);
        assert_eq!(of_database(read(&db).await), of_database(catalog), "two reads of PostgreSQL {major} differ");
        eprintln!("read on PostgreSQL {}", postgres(major).version());
    }
}

fn check_nasty(c: &Catalog) {
    assert!(c.tables.iter().all(|t| t.name.schema.as_str() != "tenantry"));
    assert!(c.functions.iter().all(|f| !f.name.name.as_str().contains("trgm")), "functions of an extension were read");
    assert_eq!(names(&c.enums), ["\"Sales.Dept\".Mood"]);

    let space = table(c, "public.Wörk space");
    assert_eq!(space.column("na\"me").unwrap().comment.as_deref(), Some("shown to people"));
    let unique = &space.uniques[0];
    assert!(unique.deferrable && unique.deferred && unique.nulls_not_distinct);
    assert_eq!(unique.comment.as_deref(), Some("one name per parent"));
    assert_eq!(space.foreign_keys[0].references, space.name);
    assert_eq!(space.foreign_keys[0].on_delete, Action::SetNull);
    assert_eq!(space.replica_identity, 'f');

    let item = table(c, "\"Sales.Dept\".\"Order.Item\"");
    assert_eq!(names(&item.primary_key.as_ref().unwrap().columns), ["workSpace", "no"]);
    assert_eq!(item.column("no").unwrap().identity, Some('a'));
    assert!(item.column("gross").unwrap().generated);
    assert_eq!(item.column("code").unwrap().collation.as_deref(), Some("public.no_case"));
    assert_eq!(item.exclusions.len(), 1);
    assert_eq!(names(&item.checks[0].columns), ["price"]);
    let key = item.indexes.iter().find(|i| i.name.as_str() == "Order.Item_pkey").unwrap();
    assert_eq!((names(&key.include), key.of_constraint, key.leakproof), (vec!["price".into()], true, Some(true)));
    assert_eq!(item.indexes.iter().find(|i| i.name.as_str() == "item_mood").unwrap().leakproof, Some(false));

    let note = table(c, "\"Sales.Dept\".note");
    let key = &note.foreign_keys[0];
    assert!(key.match_full && key.validated);
    assert_eq!(
        (names(&key.columns), names(&key.referenced_columns)),
        (names(["space", "item"]), names(["workSpace", "no"]))
    );
    assert_eq!(names(&key.on_delete_columns), ["item"]);
    assert!(!note.checks[0].validated);
    let body = note.indexes.iter().find(|i| i.name.as_str() == "note_body").unwrap();
    assert_eq!(body.keys[0].column, None);
    assert_eq!(body.keys[0].sql, "lower(body)");
    assert!(body.keys[1].descending && body.predicate.is_some() && body.leakproof == Some(false));
    assert!(note.indexes.iter().find(|i| i.name.as_str() == "note_space").unwrap().clustered);
    assert_eq!(note.indexes.iter().find(|i| i.name.as_str() == "note_trgm").unwrap().leakproof, Some(false));
    let spaces = note.indexes.iter().find(|i| i.name.as_str() == "note_space").unwrap();
    assert_eq!((spaces.leakproof, spaces.bytes > 0), (Some(true), true));

    assert_eq!(table(c, "public.egg").foreign_keys[0].references.to_string(), "public.hen");
    assert_eq!(table(c, "public.hen").foreign_keys[0].references.to_string(), "public.egg");
    let keyless = table(c, "public.keyless");
    assert_eq!((names(keyless.columns.iter().map(|k| &k.name)), keyless.column_slots), (names(["a", "b", "c"]), 4));
    assert_eq!(keyless.rules, ["no delete"]);

    check_partitions(c);
    check_other_objects(c);
}

fn check_partitions(c: &Catalog) {
    let event = table(c, "public.event");
    assert_eq!((event.kind, event.partition_key.as_deref()), (TableKind::Partitioned, Some("RANGE (at)")));
    let year = table(c, "public.event_2026");
    assert_eq!((year.kind, year.partition_key.as_deref()), (TableKind::Partition, Some("LIST (kind)")));
    let leaf = table(c, "public.event 2026 a");
    assert_eq!(names(&leaf.parents), ["public.event_2026"]);
    assert!(leaf.partition_bound.as_deref().unwrap().contains("'a'"));
    assert!(
        leaf.primary_key.as_ref().unwrap().inherited && leaf.foreign_keys[0].inherited && leaf.indexes[0].inherited
    );
    assert!(leaf.triggers[0].inherited && !event.triggers[0].inherited);
    assert!(!event.foreign_keys[0].inherited);
    assert_eq!(table(c, "public.refers").foreign_keys.len(), 1, "one key, not one per partition");
    let dog = table(c, "public.dog");
    assert_eq!((dog.kind, names(&dog.parents)), (TableKind::Table, names(["public.animal"])));
    assert!(dog.checks[0].inherited && dog.primary_key.is_none());
}

fn check_other_objects(c: &Catalog) {
    let view = |name: &str| c.views.iter().find(|v| v.name.to_string() == format!("public.{name}")).unwrap();
    assert!(view("named").security_invoker && view("named").security_barrier && !view("second").security_invoker);
    assert_eq!(names(&view("second").depends_on), ["public.hen", "public.named"]);
    assert!(view("counted").materialized);
    assert_eq!(names(&view("counted").depends_on), ["\"Sales.Dept\".note"]);
    let functions: Vec<_> =
        c.functions.iter().map(|f| (f.name.name.as_str(), f.kind, f.security_definer, f.leakproof)).collect();
    assert_eq!(functions, [("over", 'p', false, false), ("over", 'f', false, true), ("touch", 'f', true, false)]);
    assert_eq!(c.functions[2].search_path.as_deref(), Some("pg_catalog, pg_temp"));
    assert_eq!((c.functions[2].returns.as_str(), c.functions[2].body_hash.len()), ("trigger", 64));
    assert_eq!(c.functions[1].arguments, "a integer, b text");
    assert_eq!(c.leakproof_functions, ["public.over(integer,text)"]);
    let owned: BTreeSet<_> = c.sequences.iter().map(|s| (s.name.name.as_str(), s.owned_by.is_some())).collect();
    assert_eq!(owned, BTreeSet::from([("Order.Item_no_seq", true), ("lonely", false), ("owned", true)]));
    let hen = table(c, "public.hen");
    assert!(hen.rls_enabled && hen.rls_forced);
    let policy = &hen.policies[0];
    assert_eq!((policy.permissive, policy.command, policy.roles.as_slice()), (false, 'w', &["public".to_owned()][..]));
    assert_eq!((policy.using.as_deref(), policy.check.as_deref()), (Some("(id > 0)"), Some("(id > 1)")));
    let publications: Vec<_> = c.publications.iter().map(|p| (p.name.as_str(), p.all_tables, p.tables.len())).collect();
    assert_eq!(publications, [("pub", false, 2), ("pub_all", true, 0), ("pub_schema", false, 2)]);
    assert!(c.publications[0].tables[0].1 && !c.publications[0].tables[1].1);
    assert_eq!(c.large_objects, 2);
    assert!(c.extensions.iter().any(|e| e.name == "pg_trgm"));
}

async fn temporal_keys(db: &Database) {
    db.execute(
        "CREATE EXTENSION IF NOT EXISTS btree_gist;
         CREATE TABLE stay (room int, during tsrange, price int, PRIMARY KEY (room, during WITHOUT OVERLAPS));
         CREATE TABLE visit (room int, during tsrange, double int GENERATED ALWAYS AS (room * 2) VIRTUAL,
                             FOREIGN KEY (room, PERIOD during) REFERENCES stay (room, PERIOD during));
         ALTER TABLE visit ADD CONSTRAINT loose CHECK (room > 0) NOT ENFORCED;
         ALTER TABLE visit ADD CONSTRAINT filled NOT NULL room NOT VALID;",
    )
    .await;
    let catalog = read(db).await;
    let key = table(&catalog, "public.stay").primary_key.as_ref().unwrap();
    assert!(key.period && key.definition.contains("WITHOUT OVERLAPS"));
    let visit = table(&catalog, "public.visit");
    assert!(visit.foreign_keys[0].period && visit.column("double").unwrap().generated);
    assert!(!visit.column("room").unwrap().not_null && !visit.checks[0].validated);
    db.execute("DROP TABLE visit, stay; DROP EXTENSION btree_gist").await;
}

#[tokio::test]
async fn rights_keep_the_order_of_the_catalog() {
    let db = postgres(15).database("rights").await;
    let (a, b) = (db.role("a"), db.role("b"));
    db.execute(&format!(
        "CREATE ROLE {a} CREATEROLE; CREATE ROLE {b} LOGIN BYPASSRLS IN ROLE {a}, pg_read_all_data;
         CREATE TABLE t (id int); GRANT SELECT ON t TO {b}; GRANT UPDATE ON t TO {a};
         ALTER DEFAULT PRIVILEGES FOR ROLE {a} IN SCHEMA public GRANT SELECT ON TABLES TO {b};
         ALTER ROLE {b} SET work_mem = '5MB'; ALTER ROLE {b} IN DATABASE {db} SET app.secret = 'hunter2';
         GRANT SET ON PARAMETER log_min_messages TO {a}; REVOKE ALL ON DATABASE {db} FROM PUBLIC;",
        db = db.name()
    ))
    .await;
    let client = db.connect().await;
    let catalog = inspect::read(&client).await.unwrap();
    let raw: Vec<String> = client
        .query_one("SELECT relacl::text[] FROM pg_class WHERE oid = 'public.t'::regclass", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(table(&catalog, "public.t").acl.as_ref(), Some(&raw));
    assert_eq!(raw.len(), 3);
    let role = catalog.role(&b).unwrap();
    assert_eq!(names(&role.member_of), ["pg_read_all_data".to_owned(), a.clone()]);
    assert!(role.bypass_rls && role.login && !role.superuser && catalog.role(&a).unwrap().create_role);
    let settings = catalog.stored_settings.iter().filter(|s| s.role.as_ref().is_some_and(|r| r.as_str() == b));
    assert_eq!(names(settings.map(|s| &s.name)), ["app.secret", "work_mem"]);
    assert!(!serde_json::to_string(&catalog).unwrap().contains("hunter2"), "a stored value was read");
    assert!(catalog.parameter_acls.iter().any(|p| p.name == "log_min_messages"));
    assert_eq!(catalog.default_acls.iter().filter(|d| d.role.as_str() == a).count(), 1);
    assert_eq!(catalog.database_acl.as_ref().unwrap().len(), 1);
    db.execute("REVOKE ALL ON PARAMETER log_min_messages FROM CURRENT_USER").await;
    db.execute(&format!("REVOKE ALL ON PARAMETER log_min_messages FROM {a}")).await;
}

#[tokio::test]
async fn a_stranger_reads_the_structure_and_no_statistics() {
    let db = postgres(15).database("stranger").await;
    db.execute(
        "CREATE TABLE t (id int PRIMARY KEY, secret text); INSERT INTO t SELECT n, 'x' FROM generate_series(1, 100) n; ANALYZE t;
         CREATE VIEW v AS SELECT * FROM t; REVOKE ALL ON SCHEMA public FROM PUBLIC;",
    )
    .await;
    let stranger = tenantry_pg::connect(&db.login("stranger", "").await).await.unwrap();
    let (theirs, all) = (inspect::read(&stranger).await.unwrap(), read(&db).await);
    assert!(table(&all, "public.t").columns[0].distinct.is_some());
    assert!(table(&theirs, "public.t").columns[0].distinct.is_none());
    assert_eq!(theirs.fingerprint(), all.fingerprint());
    assert_eq!(table(&theirs, "public.t").size.rows, 100);
}

#[tokio::test]
async fn the_callers_search_path_changes_nothing_and_is_kept() {
    let db = postgres(15).database("path").await;
    db.execute("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (a int REFERENCES a)").await;
    let plain = db.connect_plain().await;
    plain.batch_execute("SET search_path = public, \"we''ird\"").await.unwrap();
    assert_eq!(of_database(inspect::read(&plain).await.unwrap()), of_database(read(&db).await));
    let path: String = plain.query_one("SHOW search_path", &[]).await.unwrap().get(0);
    assert_eq!(path, "public, \"we''ird\"");
}

#[tokio::test]
async fn a_reader_gives_up_behind_a_lock_and_says_who_holds_it() {
    let db = postgres(15).database("locked").await;
    db.execute("CREATE TABLE t (id int PRIMARY KEY)").await;
    let (blocker, reader) = (db.connect_plain().await, db.connect_plain().await);
    blocker.batch_execute("BEGIN; LOCK TABLE t").await.unwrap();
    let pid: i32 = blocker.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let error = inspect::read(&reader).await.unwrap_err();
    assert_eq!(error.class(), Class::Conflict);
    assert!(error.to_string().contains(&format!("process {pid} holds a lock on public.t")), "{error}");
    blocker.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(of_database(inspect::read(&reader).await.unwrap()), of_database(read(&db).await));
    let wait: String = reader.query_one("SHOW lock_timeout", &[]).await.unwrap().get(0);
    assert_eq!(wait, "0");
}

#[tokio::test]
async fn a_table_may_have_1600_columns() {
    let db = postgres(15).database("wide").await;
    let columns: Vec<String> = (1..=1600).map(|n| format!("c{n} int")).collect();
    db.execute(&format!("CREATE TABLE wide ({})", columns.join(", "))).await;
    let catalog = read(&db).await;
    let wide = table(&catalog, "public.wide");
    assert_eq!((wide.columns.len(), wide.column_slots), (1600, 1600));
    assert_eq!(wide.columns[1599].name.as_str(), "c1600");
}

/// What the server says of a table that goes away between two looks must not reach the caller.
#[tokio::test]
async fn tables_that_come_and_go_meanwhile_do_no_harm() {
    let db = postgres(15).database("churn").await;
    db.execute("CREATE TABLE stays (id int PRIMARY KEY)").await;
    let writer = db.connect_plain().await;
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let churn = tokio::spawn(async move {
        let mut rounds = 0;
        while stopped.try_recv().is_err() {
            let sql = "CREATE TABLE goes (id int PRIMARY KEY CHECK (id > 0), at timestamptz DEFAULT now());
                       CREATE INDEX ON goes ((id + 1)) WHERE id > 2; CREATE VIEW v AS SELECT * FROM goes;
                       CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'";
            writer.batch_execute(sql).await.unwrap();
            writer.batch_execute("DROP VIEW v; DROP TABLE goes; DROP FUNCTION f").await.unwrap();
            rounds += 1;
        }
        rounds
    });
    let reader = db.connect().await;
    for _ in 0..25 {
        let catalog = inspect::read(&reader).await.unwrap();
        assert!(table(&catalog, "public.stays").primary_key.is_some());
    }
    stop.send(()).unwrap();
    assert!(churn.await.unwrap() > 5, "nothing came and went");
}

/// The whole of what is read of the nasty schema, in a file that a person can look through.
#[tokio::test]
async fn the_nasty_schema_reads_as_in_the_golden_file() {
    let db = postgres(15).database("golden").await;
    assert!(has_icu(&db).await, "PostgreSQL 15 of these tests has ICU");
    db.execute(NASTY).await;
    let mut catalog = of_database(read(&db).await).0;
    (catalog.database, catalog.server_version, catalog.server_version_num) = ("golden".into(), String::new(), 0);
    for table in &mut catalog.tables {
        (table.oid, table.size) = (0, Default::default());
        table.indexes.iter_mut().for_each(|i| i.bytes = 0);
    }
    let mut value = serde_json::to_value(&catalog).unwrap();
    leave_out_the_ordinary(&mut value);
    insta::assert_snapshot!("nasty", serde_json::to_string_pretty(&value).unwrap());
}

/// Drops what is empty, null or false, so that what is special stands out.
fn leave_out_the_ordinary(value: &mut serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::Array(list) => list.iter_mut().for_each(leave_out_the_ordinary),
        Value::Object(map) => {
            map.values_mut().for_each(leave_out_the_ordinary);
            map.retain(|_, v| match v {
                Value::Null | Value::Bool(false) => false,
                Value::Array(list) => !list.is_empty(),
                Value::String(text) => !text.is_empty(),
                _ => true,
            });
        }
        _ => {}
    }
}

#[tokio::test]
async fn an_empty_database_is_read() {
    let catalog = read(&postgres(15).database("empty").await).await;
    assert!(catalog.tables.is_empty() && catalog.views.is_empty() && catalog.functions.is_empty());
    assert_eq!(names(catalog.schemas.iter().map(|s| &s.name)), ["public"]);
}

/// Seconds a process has had a processor, which other work on the machine does not lengthen.
fn processor_seconds(pid: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    text.split(' ').next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e9
}

/// A thousand tables with columns, keys, references and indexes; prints the time, asserts what was read.
#[tokio::test]
async fn a_thousand_tables_are_read_in_one_go() {
    let db = postgres(15).database("thousand").await;
    db.execute(
        "DO $$ BEGIN
           CREATE TABLE account (id uuid PRIMARY KEY, name text);
           FOR n IN 1..999 LOOP
             EXECUTE format('CREATE TABLE entity_%s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account_id uuid NOT NULL
               REFERENCES account, parent bigint REFERENCES entity_%s, name text NOT NULL, status text DEFAULT ''new'' CHECK (status <> ''''),
               created_at timestamptz DEFAULT now(), amount numeric(12,2), tags text[], data jsonb, UNIQUE (account_id, name))', n, n);
             EXECUTE format('CREATE INDEX ON entity_%s (account_id, status, created_at DESC)', n);
             EXECUTE format('CREATE INDEX ON entity_%s (parent) WHERE parent IS NOT NULL', n);
             IF n % 200 = 0 THEN COMMIT; END IF;
           END LOOP;
         END $$",
    )
    .await;
    let client = db.connect().await;
    let server: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let server = server.to_string();
    for run in ["cold", "warm"] {
        let (begin, ours, theirs) = (Instant::now(), processor_seconds("thread-self"), processor_seconds(&server));
        let catalog = inspect::read(&client).await.unwrap();
        let (ours, theirs) = (processor_seconds("thread-self") - ours, processor_seconds(&server) - theirs);
        let wall = begin.elapsed().as_secs_f64();
        eprintln!("1,000 tables read in {wall:.2} s ({run}); processor time: server {theirs:.2} s, reader {ours:.2} s");
        assert_eq!(catalog.tables.len(), 1000);
        assert!(
            catalog
                .tables
                .iter()
                .skip(1)
                .all(|t| t.foreign_keys.len() == 2 && t.indexes.len() == 4 && t.columns.len() == 9)
        );
    }
}

#[tokio::test]
async fn what_the_corpus_says_of_its_applications_is_read_back() {
    if corpus::dir().is_none() {
        eprintln!("the corpus is absent: nothing checked (TENANTRY_CORPUS)");
        return;
    }
    for app in corpus::apps() {
        let db = postgres(15).database("corpus").await;
        corpus::load(&app, &db).await;
        let catalog = read(&db).await;
        let facts = corpus::catalogue(&app);
        let tables = facts["tables"].as_object().unwrap();
        let known: BTreeSet<String> =
            catalog.tables.iter().map(|t| format!("{}.{}", t.name.schema, t.name.name)).collect();
        assert_eq!(known, tables.keys().cloned().collect(), "{app}");
        for (name, fact) in tables {
            let (schema, short) = name.split_once('.').unwrap();
            let table = catalog
                .tables
                .iter()
                .find(|t| t.name.schema.as_str() == schema && t.name.name.as_str() == short)
                .unwrap();
            let count = |key: &str| fact[key].as_array().map_or(0, Vec::len);
            assert_eq!(
                table.primary_key.is_some(),
                fact["primary_key"].is_object() || table.kind == TableKind::Partition && table.primary_key.is_some(),
                "{app} {name}"
            );
            if table.kind != TableKind::Partition {
                assert_eq!(table.columns.len(), count("columns"), "{app} {name}");
                assert_eq!(table.foreign_keys.len(), count("foreign_keys"), "{app} {name}");
                assert_eq!(table.uniques.len(), count("unique_constraints"), "{app} {name}");
                assert_eq!(table.indexes.iter().filter(|i| !i.of_constraint).count(), count("indexes"), "{app} {name}");
                assert_eq!(table.checks.len(), count("checks"), "{app} {name}");
            }
        }
        assert_eq!(catalog.views.len(), facts["views"].as_object().map_or(0, serde_json::Map::len), "{app}");
    }
}
