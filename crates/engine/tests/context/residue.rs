//! What a tenant leaves on a connection, and that the next one does not find it.

use crate::fixture::{Fixture, Session, refusal};

/// What a tenant does, and a query that shows something as long as it is still there.
const RESIDUE: &[(&str, &str, &str)] = &[
    ("a setting", "SET work_mem = '33MB'", "SELECT 1 WHERE current_setting('work_mem') = '33MB'"),
    (
        "a search path",
        "SET search_path = pg_temp, public",
        "SELECT 1 WHERE current_setting('search_path') LIKE 'pg_temp%'",
    ),
    ("a setting of its own", "SET app.note = 'secret'", "SELECT 1 WHERE current_setting('app.note', true) = 'secret'"),
    (
        "a setting made in a block",
        "DO $$ BEGIN PERFORM set_config('TimeZone', 'Antarctica/Troll', false); END $$",
        "SELECT 1 WHERE current_setting('TimeZone') = 'Antarctica/Troll'",
    ),
    (
        "switched-off planning",
        "SET enable_seqscan = off; SET row_security = off",
        "SELECT 1 WHERE current_setting('row_security') = 'off'",
    ),
    (
        "a cursor",
        "BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT body FROM notes; COMMIT",
        "SELECT name FROM pg_cursors WHERE is_holdable",
    ),
    ("a channel", "LISTEN news", "SELECT pg_listening_channels()"),
    (
        "a lock",
        "SELECT pg_advisory_lock(7)",
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
    ),
    ("a statement", "PREPARE mine AS SELECT 'secret'", "SELECT name FROM pg_prepared_statements WHERE from_sql"),
    (
        "oddly named statements",
        r#"PREPARE "all" AS SELECT 1; PREPARE "a""b; SELECT 1" AS SELECT 2; PREPARE "A b" AS SELECT 3"#,
        "SELECT name FROM pg_prepared_statements WHERE from_sql",
    ),
    ("the last number", "SELECT nextval('numbers')", "SELECT lastval()"),
    ("a number", "SELECT nextval('numbers')", "SELECT currval('numbers')"),
    ("a number set", "SELECT setval('numbers', 99)", "SELECT currval('numbers')"),
];

async fn there(session: &Session<'_>, look: &str) -> bool {
    match session.sql(look).await {
        Ok(rows) => !rows.is_empty(),
        Err(error) => {
            assert_eq!(error.code().unwrap().code(), "55000", "{look}: {error:?}");
            false
        }
    }
}

async fn fixture(major: u32) -> Fixture {
    let fixture = Fixture::new(major).await;
    let rights = format!("CREATE SEQUENCE numbers; GRANT ALL ON numbers TO {}", fixture.db.role("rt"));
    fixture.db.execute(&rights).await;
    fixture
}

#[tokio::test]
async fn hold_and_release_clean_what_the_former_tenant_left() {
    for major in tenantry_testkit::available() {
        let fixture = fixture(major).await;
        let mut session = fixture.session().await;
        for (name, leave, look) in RESIDUE {
            for way in ["hold", "hold(text)", "release"] {
                session.hold(0).await;
                assert!(!there(&session, look).await, "{name}: before");
                session.sql(leave).await.unwrap();
                assert!(there(&session, look).await, "{name}: left");
                match way {
                    "hold" => session.hold(1).await,
                    "hold(text)" => {
                        let token = session.held_token(1);
                        session.try_hold(&token).await.map(drop).unwrap();
                    }
                    _ => session.sql("SELECT tenantry.release()").await.map(drop).unwrap(),
                }
                assert!(!there(&session, look).await, "{name}: still there after {way} on {major}");
                if way == "release" {
                    refusal(session.sees().await);
                } else {
                    assert_eq!(session.sees().await.unwrap(), "1x2", "{name}");
                }
            }
        }
    }
}

/// The pooler's own statements, settings of the connection, and cursors that are read while it cleans.
#[tokio::test]
async fn what_belongs_to_the_connection_stays() {
    for major in tenantry_testkit::available() {
        let fixture = fixture(major).await;
        let slot = fixture.db.role("slot");
        let settings = format!("ALTER ROLE {slot} SET work_mem = '7MB'; ALTER ROLE {slot} SET search_path = public");
        fixture.db.execute(&settings).await;
        let mut session = fixture.session().await;
        session.hold(0).await;
        let prepared = session.client.prepare("SELECT body FROM notes").await.unwrap();
        session.sql("SET work_mem = '8MB'; PREPARE mine AS SELECT 1").await.unwrap();
        session.hold(2).await;
        assert_eq!(session.client.query(&prepared, &[]).await.unwrap().len(), 3);
        assert_eq!(session.sql("SHOW work_mem").await.unwrap(), ["7MB"]);
        assert_eq!(session.sql("SHOW search_path").await.unwrap(), ["public"]);
        // called from a query that has begun to return rows, whose own cursor must not be closed under it
        let token = session.held_token(1);
        let rows = session
            .sql(&format!("SELECT n FROM generate_series(1, 3) n WHERE n <> 2 OR tenantry.hold('{token}') IS NOT NULL"))
            .await;
        assert_eq!(rows.unwrap(), ["1", "2", "3"]);
        assert_eq!(session.sees().await.unwrap(), "1x2");
        let block = format!(
            "DO $$ DECLARE n int; BEGIN FOR n IN SELECT generate_series(1, 100) LOOP IF n = 50 THEN PERFORM tenantry.hold('{}'); END IF; END LOOP; END $$",
            session.held_token(0)
        );
        // the loop of PL/pgSQL is a cursor too, which PostgreSQL does not close: then nothing is held
        assert_eq!(session.sql(&block).await.unwrap_err().code().unwrap().code(), "24000");
        refusal(session.sees().await);
        session.hold(0).await;
        assert_eq!(session.sees().await.unwrap(), "0x1");
    }
}

/// A function cannot undo these: the pooler hears it and closes the connection. The tenant is gone all the same.
#[tokio::test]
async fn what_cannot_be_cleaned_is_refused() {
    for major in tenantry_testkit::available() {
        let fixture = fixture(major).await;
        let (group, name) = (fixture.db.role("rt"), fixture.db.name());
        fixture.db.execute(&format!("GRANT TEMPORARY ON DATABASE {name} TO {group}")).await;
        let (role, temporary) =
            ("tenantry: this session has taken another role", "tenantry: this session holds temporary objects");
        for (leave, undo, refused) in [
            (format!("SET ROLE {group}"), "RESET ROLE", role),
            ("CREATE TEMP TABLE mine (n int)".to_owned(), "DROP TABLE mine", temporary),
            ("CREATE TEMP SEQUENCE mine".to_owned(), "DROP SEQUENCE mine", temporary),
            ("CREATE TEMP VIEW mine AS SELECT 1".to_owned(), "DISCARD TEMP", temporary),
            ("CREATE TYPE pg_temp.mine AS ENUM ('a')".to_owned(), "DROP TYPE pg_temp.mine", temporary),
            (
                "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'".to_owned(),
                "DROP FUNCTION pg_temp.mine()",
                temporary,
            ),
        ] {
            let mut session = fixture.session().await;
            session.hold(0).await;
            session.sql(&leave).await.unwrap();
            for way in ["hold", "hold(text)", "release"] {
                let claims = session.claims(1);
                let answer = match way {
                    "hold" => session.try_typed("hold", &fixture.key.sign_hold_typed(&claims).unwrap()).await.map(drop),
                    "hold(text)" => session.try_hold(&fixture.key.sign_hold(&claims).unwrap()).await.map(drop),
                    _ => session.sql("SELECT tenantry.release()").await.map(drop),
                };
                assert_eq!(refusal(answer), refused, "{leave}, {way}, {major}");
                assert_eq!(refusal(session.sees().await), "tenantry: no tenant context in this transaction");
            }
            session.sql(undo).await.unwrap();
            session.hold(1).await;
            assert_eq!(session.sees().await.unwrap(), "1x2", "{leave}");
        }
    }
}

/// Known and documented: whatever the transaction undoes is there again. There is no tenant either, so the pooler
/// holds again before anything else, and that cleans.
#[tokio::test]
async fn a_rollback_brings_settings_back_but_no_tenant() {
    let fixture = fixture(15).await;
    let mut session = fixture.session().await;
    session.hold(0).await;
    session.sql("SET app.note = 'secret'; LISTEN news").await.unwrap();
    let token = session.held_token(1);
    session.sql(&format!("BEGIN; SELECT tenantry.hold('{token}'); ROLLBACK")).await.unwrap();
    assert_eq!(session.sql("SHOW app.note").await.unwrap(), ["secret"]);
    refusal(session.sees().await);
    session.hold(1).await;
    assert_eq!(session.sql("SHOW app.note").await.unwrap(), [""]);
    assert!(session.sql("SELECT pg_listening_channels()").await.unwrap().is_empty());
}
