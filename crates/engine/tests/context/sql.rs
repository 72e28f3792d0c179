//! Everything the SQL of a client can say, tried as tenant 0 against tenant 1.

use crate::fixture::{Fixture, Session, refusal};

/// Statements that try to become tenant 1. `{b}` is its key; each runs in a transaction that entered tenant 0.
const ATTACKS: &[&str] = &[
    // settings, by every door
    "SET tenantry.context = '{b}'",
    "SET LOCAL tenantry.context = '{b}'",
    "SET SESSION tenantry.tenant = '{b}'",
    "SET tenantry.tid = '{b}'",
    "SET app.tenant_id = '{b}'",
    "SELECT set_config('tenantry.context', '{b}', false)",
    "SELECT pg_catalog.set_config('tenantry.context', 's1.1.9999999999.1.{b}..' || repeat('0', 64), true)",
    r#"SELECT U&"\0073et_config"('tenantry.context', '{b}', false)"#,
    r#"SET U&"\0074enantry".context = '{b}'"#,
    "SET TENANTRY.Context TO '{b}'",
    "SELECT count(*) FROM notes WHERE set_config('tenantry.context', '{b}', false) IS NOT NULL",
    "WITH x AS MATERIALIZED (SELECT set_config('tenantry.context', '{b}', true)) SELECT n.body FROM x, notes n",
    "UPDATE pg_settings SET setting = '{b}' WHERE name = 'tenantry.context'",
    "UPDATE pg_settings SET setting = 'off' WHERE name = 'row_security'",
    "SET row_security = off",
    "DO $$ BEGIN EXECUTE 'se' || 't tenantry.context = ''{b}'''; END $$",
    "SELECT query_to_xml('select set_' || 'config(''tenantry.context'', ''{b}'', false)', true, false, '')",
    "SELECT * FROM ts_stat('select to_tsvector(set_config(''tenantry.context'', ''{b}'', false))')",
    // marks of a held context
    "SET tenantry.context = 'held'",
    "SET tenantry.context = 'held-1'",
    "SET tenantry.context = 'held-9223372036854775808'",
    "SELECT set_config('tenantry.context', 'held' || 0, false)",
    "SELECT set_config('tenantry.context', 'held' || current_setting('tenantry.context'), false)",
    // the memory
    "SELECT setval('tenantry.m_hi', 0)",
    "SELECT setval('tenantry.m_xact', 0)",
    "SELECT nextval('tenantry.m_lo')",
    "SELECT nextval('tenantry.session_no')",
    "SELECT currval('tenantry.m_lo')",
    "SELECT setval('tenantry.m_ctr', 0)",
    "SELECT setval('tenantry.m_session', 1)",
    "SELECT last_value FROM tenantry.m_session",
    "SELECT last_value FROM tenantry.m_lo",
    "ALTER SEQUENCE tenantry.m_lo RESTART 1",
    "ALTER SEQUENCE tenantry.m_lo OWNED BY NONE",
    "SELECT lastval()",
    "DO $$ BEGIN PERFORM setval('tenantry.m_lo', 0); END $$",
    "CREATE TEMP SEQUENCE m_lo",
    "CREATE TEMP SEQUENCE m_ctr",
    "CREATE TEMP TABLE notes (tenant uuid, body text)",
    "CREATE SCHEMA tenantry_too",
    "CREATE SEQUENCE public.m_lo",
    "DISCARD SEQUENCES",
    "DISCARD TEMP",
    // the functions and the keys
    "SELECT * FROM tenantry.signing_key",
    "INSERT INTO tenantry.signing_key VALUES (2, repeat('x', 64)::bytea, repeat('x', 64)::bytea)",
    "SELECT tenantry.stateless('x', 5)",
    "SELECT tenantry.as_uuid('{b}')",
    "SELECT tenantry.bind_session()",
    "SELECT tenantry.enter('{b}')",
    "SELECT tenantry.enter(NULL)",
    "SELECT tenantry.hold('{b}')",
    "SELECT tenantry.hold(NULL)",
    "SELECT tenantry.hold(1::smallint, 0, 1, 9999999999, 9999, '\\x00')",
    "SELECT tenantry.release()",
    "DO $$ BEGIN PERFORM tenantry.hold('{b}'); EXCEPTION WHEN OTHERS THEN NULL; END $$",
    "SELECT tenantry.enter(1::smallint, 0, 1, 9999999999, 9999, '\\x00')",
    "CREATE FUNCTION tenantry.tenant_id() RETURNS uuid LANGUAGE sql AS $$ SELECT '{b}'::uuid $$",
    "CREATE OR REPLACE FUNCTION tenantry.tenant_id() RETURNS uuid LANGUAGE sql AS $$ SELECT '{b}'::uuid $$",
    "ALTER FUNCTION tenantry.tenant_id() SET search_path = pg_temp",
    "ALTER FUNCTION tenantry.tenant_id() SECURITY INVOKER",
    "DROP FUNCTION tenantry.tenant_id()",
    // the table and its policies
    "ALTER TABLE notes DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE notes NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY tenantry_tenant ON notes",
    "ALTER POLICY tenantry_tenant ON notes USING (true)",
    "CREATE POLICY mine ON notes USING (true)",
    "TRUNCATE notes",
    "COPY notes FROM PROGRAM 'true'",
    "CREATE VIEW v AS SELECT * FROM notes",
    // roles
    "RESET ROLE",
    "SET ROLE NONE",
    "SET SESSION AUTHORIZATION DEFAULT",
    "SET ROLE {rt}",
    "SET ROLE {keeper}",
    "SET ROLE {owner}",
    "SET ROLE postgres",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    // search_path
    "SET search_path = pg_temp, public",
    "SET search_path = ''",
    "SET LOCAL search_path = tenantry, public",
    // rows
    "UPDATE notes SET tenant = '{b}'",
    "INSERT INTO notes (tenant, body) VALUES ('{b}', 'planted')",
    "INSERT INTO notes (tenant, body) SELECT '{b}', 'planted'",
    "UPDATE notes SET body = 'planted' WHERE tenant = '{b}'",
    "DELETE FROM notes WHERE tenant = '{b}'",
    "MERGE INTO notes n USING (SELECT 1) s ON n.tenant = '{b}' WHEN MATCHED THEN DELETE",
    "SELECT body FROM notes WHERE tenant = '{b}' FOR UPDATE",
    "LOCK TABLE tenantry.signing_key",
];

/// After each attack, alone and with what usually follows, tenant 1 is neither seen nor changed.
#[tokio::test]
async fn nothing_that_sql_says_shows_or_changes_another_tenant() {
    for major in tenantry_testkit::available() {
        let fixture = Fixture::new(major).await;
        let mut session = fixture.session().await;
        let mut refused = 0;
        for attack in ATTACKS {
            let attack = attack
                .replace("{b}", &fixture.tenants[1].to_string())
                .replace("{rt}", &fixture.db.role("rt"))
                .replace("{keeper}", &fixture.db.role("tenantry"))
                .replace("{owner}", &fixture.db.role("owner"));
            // inside the tenant's own transaction
            session.begin(0).await;
            session.sql("SAVEPOINT s").await.unwrap();
            check(&session, &attack, session.sql(&attack).await.as_ref().ok());
            let seen = session.sees().await;
            if seen.is_err() {
                refused += 1;
                session.sql("ROLLBACK TO s").await.unwrap();
            }
            check(&session, &attack, seen.ok().map(|s| vec![s]).as_ref());
            check(&session, &attack, session.sql("SELECT body FROM notes").await.as_ref().ok());
            // and what stays behind for the next transaction of the connection
            session.sql("ROLLBACK").await.unwrap();
            let _ = session.sql(&attack).await;
            check(&session, &attack, session.sql("SELECT body FROM notes").await.as_ref().ok());
            session.sql("ROLLBACK").await.unwrap();
            session.sql("DISCARD ALL").await.unwrap();
            session.bind().await;
            // and on a connection that is held for the tenant, whose context was somebody else's before
            session.counter = 0;
            session.hold(1).await;
            session.hold(0).await;
            session.sql("BEGIN").await.unwrap();
            let _ = session.sql(&attack).await;
            session.sql("COMMIT").await.unwrap();
            for look in ["SELECT body FROM notes", "ROLLBACK; SELECT body FROM notes"] {
                check(&session, &attack, session.sql(look).await.as_ref().ok());
            }
            session.sql("ROLLBACK").await.unwrap();
            session.sql("DISCARD ALL").await.unwrap();
            session.bind().await;
            session.counter = 0;
        }
        assert!(refused > 0, "no attack was refused at all: the list does not attack");
        fixture.intact().await;
    }
}

fn check(session: &Session<'_>, attack: &str, shown: Option<&Vec<String>>) {
    let shown = shown.map(|rows| rows.join("\n")).unwrap_or_default();
    for other in ["tenant 1", "tenant 2", "1x", "2x"] {
        assert!(!shown.contains(other), "{attack}: {shown} (session {})", session.session_no);
    }
}

impl Fixture {
    /// Every row of tenant 1 and 2 is as it was.
    pub(crate) async fn intact(&self) {
        let admin = self.db.connect().await;
        let rows = admin
            .query(
                "SELECT body, count(*) FROM public.notes WHERE tenant::text <> $1 GROUP BY body ORDER BY body",
                &[&self.tenants[0].to_string()],
            )
            .await
            .unwrap();
        let rows: Vec<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(rows, [("of tenant 1".to_owned(), 2), ("of tenant 2".to_owned(), 3)]);
    }
}

/// With the right to create objects, which the plan takes away, names and operators can be shadowed. The functions
/// do not look at the search path at all.
#[tokio::test]
async fn shadowed_names_and_operators_change_nothing() {
    for major in tenantry_testkit::available() {
        let fixture = Fixture::new(major).await;
        let (group, name) = (fixture.db.role("rt"), fixture.db.name());
        fixture
            .db
            .execute(&format!(
                "GRANT CREATE ON SCHEMA public TO {group}; GRANT TEMPORARY ON DATABASE {name} TO {group}"
            ))
            .await;
        let mut session = fixture.session().await;
        let b = fixture.tenants[1].to_string();
        let setup = format!(
            "CREATE FUNCTION public.currval(regclass) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
             CREATE FUNCTION public.currval(text) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
             CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT 'epoch'::timestamptz $$;
             CREATE FUNCTION public.timestamptz_send(timestamptz) RETURNS bytea LANGUAGE sql AS $$ SELECT int8send(0) $$;
             CREATE FUNCTION public.starts_with(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
             CREATE FUNCTION public.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT '\\x00'::bytea $$;
             CREATE FUNCTION public.current_setting(text, boolean) RETURNS text LANGUAGE sql AS $$ SELECT 'entered' $$;
             CREATE FUNCTION public.lpad(text, int, text) RETURNS text LANGUAGE sql AS $$ SELECT '{b}' $$;
             CREATE FUNCTION public.to_hex(bigint) RETURNS text LANGUAGE sql AS $$ SELECT '' $$;
             CREATE FUNCTION public.yes(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true';
             CREATE FUNCTION public.yes(bytea, bytea) RETURNS boolean LANGUAGE sql AS 'SELECT true';
             CREATE FUNCTION public.yes(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
             CREATE FUNCTION public.yes(numeric, integer) RETURNS boolean LANGUAGE sql AS 'SELECT true';
             CREATE OPERATOR public.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = public.yes);
             CREATE OPERATOR public.= (LEFTARG = bytea, RIGHTARG = bytea, FUNCTION = public.yes);
             CREATE OPERATOR public.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = public.yes);
             CREATE OPERATOR public.> (LEFTARG = numeric, RIGHTARG = integer, FUNCTION = public.yes);
             CREATE TEMP SEQUENCE m_hi; CREATE TEMP SEQUENCE m_lo; CREATE TEMP SEQUENCE m_ctr; CREATE TEMP SEQUENCE m_xact;
             SELECT setval('m_hi', 1), setval('m_lo', 1), setval('m_ctr', 1), setval('m_xact', 1);
             SET search_path = public, pg_temp, pg_catalog"
        );
        session.sql(&setup).await.unwrap();
        assert_eq!(session.sql("SELECT 1::bigint = 2::bigint").await.unwrap(), ["t"], "the shadow works");
        assert_eq!(refusal(session.sees().await), "tenantry: no tenant context in this transaction");
        session.sql("SELECT pg_catalog.set_config('tenantry.context', 'entered', false)").await.unwrap();
        assert_eq!(refusal(session.sees().await), "tenantry: no tenant context in this transaction");
        let forged = format!("t1.1.9999999999.99.{}.{b}..{}", session.session_no, "0".repeat(64));
        assert_eq!(refusal(session.try_enter(&forged).await), "tenantry: invalid tenant context");
        let forged = format!("s1.1.{}.1.{b}..{}", crate::fixture::unix_now() + 20, "0".repeat(64));
        session
            .client
            .execute("SELECT pg_catalog.set_config('tenantry.context', $1, false)", &[&forged])
            .await
            .unwrap();
        assert_eq!(refusal(session.sees().await), "tenantry: invalid or expired stateless tenant context");
        session.begin(0).await;
        assert_eq!(session.sees().await.unwrap(), "0x1");
    }
}

/// No secret is in anything that every role can read.
#[tokio::test]
async fn no_key_is_in_the_catalog() {
    let fixture = Fixture::new(15).await;
    let session = fixture.session().await;
    let pads = fixture.key.pads();
    let admin = fixture.db.connect().await;
    let count = "SELECT count(*) FROM pg_proc WHERE position($1 IN convert_to(prosrc, 'UTF8')) > 0 OR position(encode($1, 'hex') IN prosrc) > 0";
    let hits: i64 = admin.query_one(count, &[&&pads.ipad[..16]]).await.unwrap().get(0);
    assert_eq!(hits, 0);
    let readable = "SELECT count(*)::text FROM pg_class c WHERE relnamespace = 'tenantry'::regnamespace
        AND (relkind = 'r' AND has_table_privilege(oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
          OR relkind = 'S' AND has_sequence_privilege(oid, 'USAGE, SELECT, UPDATE'))";
    assert_eq!(session.sql(readable).await.unwrap(), ["0"]);
    // every function of the schema is labelled and has its rights settled
    let loose =
        "SELECT coalesce(string_agg(proname, ', '), '') FROM pg_proc WHERE pronamespace = 'tenantry'::regnamespace
        AND (proacl IS NULL OR (proname LIKE '%\\_id%' AND (proparallel <> 'r' OR provolatile <> 's' OR NOT prosecdef))
          OR (prosecdef AND proconfig IS NULL AND provolatile = 'v'))";
    assert_eq!(session.sql(loose).await.unwrap(), [""]);
}
