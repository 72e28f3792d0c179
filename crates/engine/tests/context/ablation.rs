//! Each protection of the context is taken away once: the attack that it stops must then succeed.

use crate::fixture::{Fixture, refusal, unix_now};

/// Protection: no right on the memory's sequences.
#[tokio::test]
async fn with_update_on_the_sequences_anybody_becomes_anybody() {
    let fixture = Fixture::new(15).await;
    let session = fixture.session().await;
    let forge = "SELECT setval('tenantry.m_hi', ('x0000000000004000')::bit(64)::bigint),
                        setval('tenantry.m_lo', ('x8000000000000001')::bit(64)::bigint),
                        setval('tenantry.m_xact', ('x' || encode(timestamptz_send(now()), 'hex'))::bit(64)::bigint)";
    let attack = format!("BEGIN; {forge}; SELECT set_config('tenantry.context', 'entered', true)");
    let denied = session.sql(&attack).await.unwrap_err();
    assert_eq!(denied.code().unwrap().code(), "42501");
    session.sql("ROLLBACK").await.unwrap();
    fixture.db.execute(&format!("GRANT UPDATE ON ALL SEQUENCES IN SCHEMA tenantry TO {}", fixture.db.role("rt"))).await;
    session.sql(&attack).await.unwrap();
    assert_eq!(session.sees().await.unwrap(), "1x2");
}

/// Protection: the keys are unreadable.
#[tokio::test]
async fn with_select_on_the_keys_anybody_signs() {
    let fixture = Fixture::new(15).await;
    let session = fixture.session().await;
    let message = format!("t1.1.{}.9.{}.{}.", unix_now() + 60, session.session_no, fixture.tenants[1]);
    let attack = format!(
        "BEGIN; SELECT tenantry.enter('{message}.' || encode(sha256(opad || sha256(ipad || '{message}'::bytea)), 'hex')) FROM tenantry.signing_key"
    );
    assert_eq!(session.sql(&attack).await.unwrap_err().code().unwrap().code(), "42501");
    session.sql("ROLLBACK").await.unwrap();
    fixture.db.execute(&format!("GRANT SELECT ON tenantry.signing_key TO {}", fixture.db.role("rt"))).await;
    session.sql(&attack).await.unwrap();
    assert_eq!(session.sees().await.unwrap(), "1x2");
}

/// Protection: the memory is tied to the transaction's time.
#[tokio::test]
async fn without_the_time_of_the_transaction_the_last_tenant_stays() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    let mark = "SELECT set_config('tenantry.context', 'entered', false)";
    session.begin(1).await;
    session.sql(&format!("COMMIT; {mark}")).await.unwrap();
    assert_eq!(refusal(session.sees().await), "tenantry: no tenant context in this transaction");
    replace(
        &fixture,
        "tenant_id",
        "OPERATOR(pg_catalog.=) pg_catalog.timestamptz_send",
        "OPERATOR(pg_catalog.<=) pg_catalog.timestamptz_send",
    )
    .await;
    assert_eq!(session.sees().await.unwrap(), "1x2");
}

/// Protection: the counter must rise.
#[tokio::test]
async fn without_the_counter_a_token_is_good_twice() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    let used = session.token(1);
    session.try_enter(&used).await.unwrap();
    session.sql("BEGIN").await.unwrap();
    refusal(session.try_enter(&used).await);
    session.sql("ROLLBACK").await.unwrap();
    replace(&fixture, "enter", "<= last", "< -1").await;
    session.sql("BEGIN").await.unwrap();
    session.try_enter(&used).await.unwrap();
    assert_eq!(session.sees().await.unwrap(), "1x2");
}

/// Protection: the number of the session is part of what is signed.
#[tokio::test]
async fn without_the_session_number_a_token_works_elsewhere() {
    let fixture = Fixture::new(15).await;
    let (mut a, b) = (fixture.session().await, fixture.session().await);
    let stolen = a.token(1);
    refusal(b.try_enter(&stolen).await);
    replace(&fixture, "enter", "f[5]::bigint <> session", "false").await;
    b.sql("BEGIN").await.unwrap();
    b.try_enter(&stolen).await.unwrap();
    assert_eq!(b.sees().await.unwrap(), "1x2");
}

/// Protection: a stateless token names the process and ends soon.
#[tokio::test]
async fn without_the_process_number_a_stateless_token_works_elsewhere() {
    let fixture = Fixture::new(15).await;
    let (a, b) = (fixture.session().await, fixture.session().await);
    let stolen = a.stateless(1, 25).await;
    b.client.execute("SELECT set_config('tenantry.context', $1, false)", &[&stolen]).await.unwrap();
    refusal(b.sees().await);
    replace(&fixture, "stateless", "f[4]::pg_catalog.int4 OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()", "true")
        .await;
    assert_eq!(b.sees().await.unwrap(), "1x2");
}

/// Protection: the setting repeats the seal in the memory. Without it a rolled-back `hold` counts.
#[tokio::test]
async fn without_the_seal_a_rolled_back_hold_counts() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    for broken in [false, true] {
        session.hold(0).await;
        let hold = format!("SELECT tenantry.hold('{}')", session.held_token(1));
        session.sql(&format!("BEGIN; {hold}; ROLLBACK")).await.unwrap();
        if broken {
            assert_eq!(session.sees().await.unwrap(), "1x2");
        } else {
            refusal(session.sees().await);
            let seal = "('held' OPERATOR(pg_catalog.||) pg_catalog.currval('tenantry.m_xact')::pg_catalog.text)";
            replace(&fixture, "tenant_id", seal, "pg_catalog.current_setting('tenantry.context', true)").await;
        }
    }
}

/// Protection: the former tenant goes first. Otherwise it stays behind a refused token.
#[tokio::test]
async fn without_forgetting_first_a_refused_hold_leaves_the_former_tenant() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    for broken in [false, true] {
        session.hold(1).await;
        refusal(session.try_hold("h1.forged").await);
        if broken {
            assert_eq!(session.sees().await.unwrap(), "1x2");
        } else {
            refusal(session.sees().await);
            replace(&fixture, "hold", "session := setval('tenantry.m_xact', 0) +", "session := ").await;
        }
    }
}

/// Protection: what is signed says which form it is. Otherwise a token for one transaction stays for the session.
#[tokio::test]
async fn without_the_form_a_token_for_one_transaction_stays() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    let stolen = session.token(1);
    refusal(session.try_hold(&stolen).await);
    replace(&fixture, "hold", "'^h1", "'^t1").await;
    session.try_hold(&stolen).await.unwrap();
    assert_eq!(session.sees().await.unwrap(), "1x2");

    let claims = session.claims(0);
    let stolen = fixture.key.sign_typed(&claims).unwrap();
    refusal(session.try_typed("hold", &stolen).await);
    replace(&fixture, "hold", "int8send(1) ||", "").await;
    session.try_typed("hold", &stolen).await.unwrap();
    assert_eq!(session.sees().await.unwrap(), "0x1");
}

/// Protection: the counter must rise for held tokens too, and its memory survives the cleaning.
#[tokio::test]
async fn without_the_counter_a_held_token_is_good_twice() {
    for (from, to) in [
        ("ctr <= currval('tenantry.m_ctr')", "false"),
        ("setval('tenantry.m_ctr', ctr)", "setval('tenantry.m_ctr', 0)"),
    ] {
        let fixture = Fixture::new(15).await;
        let mut session = fixture.session().await;
        let claims = session.claims(1);
        let used = fixture.key.sign_hold_typed(&claims).unwrap();
        session.try_typed("hold", &used).await.unwrap();
        session.hold(0).await;
        refusal(session.try_typed("hold", &used).await);
        replace(&fixture, "hold", from, to).await;
        session.hold(0).await;
        session.try_typed("hold", &used).await.unwrap();
        assert_eq!(session.sees().await.unwrap(), "1x2", "{from}");
    }
}

/// Protection: cleaning. Each part taken away leaves the next tenant what it is meant for.
#[tokio::test]
async fn without_cleaning_the_next_tenant_finds_what_the_last_one_left() {
    let fixture = Fixture::new(15).await;
    let (group, name) = (fixture.db.role("rt"), fixture.db.name());
    let rights = format!(
        "CREATE SEQUENCE numbers; GRANT ALL ON numbers TO {group}; GRANT TEMPORARY ON DATABASE {name} TO {group}"
    );
    fixture.db.execute(&rights).await;
    for (part, leave, look) in [
        (
            "EXECUTE 'CLOSE ALL';",
            "BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT body FROM notes; COMMIT",
            "FETCH 1 FROM c",
        ),
        ("UNLISTEN *;", "LISTEN news", "SELECT pg_listening_channels()"),
        ("EXECUTE format('DEALLOCATE %I', prepared);", "PREPARE mine AS SELECT 'of tenant 0'", "EXECUTE mine"),
        ("DISCARD SEQUENCES;", "SELECT setval('numbers', 7)", "SELECT currval('numbers')"),
        (
            "RESET ALL;",
            "SET app.note = 'of tenant 0'",
            "SELECT current_setting('app.note') WHERE current_setting('app.note') <> ''",
        ),
        (
            "pg_advisory_unlock_all(),",
            "SELECT pg_advisory_lock(7)",
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'",
        ),
        (
            "current_setting('role') <> 'none' OR pg_my_temp_schema() <> 0",
            "CREATE TEMP TABLE t AS SELECT body FROM notes",
            "SELECT body FROM t",
        ),
        (
            "IF current_setting('role') <> 'none' THEN",
            &format!("SET ROLE {group}"),
            "SELECT 1 WHERE current_user <> session_user",
        ),
    ] {
        let whole = definition(&fixture).await;
        for broken in [false, true] {
            let mut session = fixture.session().await;
            session.hold(0).await;
            session.sql(leave).await.unwrap();
            let claims = session.claims(1);
            let held = session.try_typed("hold", &fixture.key.sign_hold_typed(&claims).unwrap()).await;
            let found = held.is_ok() && session.sql(look).await.is_ok_and(|rows| !rows.is_empty());
            assert_eq!(found, broken, "{part}: {held:?}");
            if !broken {
                let without = if part.ends_with("0") {
                    "false"
                } else if part.ends_with("THEN") {
                    "IF false THEN"
                } else {
                    ""
                };
                replace(&fixture, "hold", part, without).await;
            }
        }
        fixture.db.execute(&whole).await;
    }
}

async fn definition(fixture: &Fixture) -> String {
    let hold = "SELECT string_agg(pg_get_functiondef(oid), ';') FROM pg_proc WHERE pronamespace = 'tenantry'::regnamespace AND proname = 'hold'";
    fixture.db.connect().await.query_one(hold, &[]).await.unwrap().get(0)
}

/// Protection: names are qualified. The same function that trusts the search path is fooled by a shadow.
#[tokio::test]
async fn an_unqualified_name_is_shadowed() {
    let fixture = Fixture::new(15).await;
    fixture.db.execute(&format!("GRANT CREATE ON SCHEMA public TO {}", fixture.db.role("rt"))).await;
    let mut session = fixture.session().await;
    let shadow =
        "CREATE FUNCTION public.timestamptz_send(timestamptz) RETURNS bytea LANGUAGE sql AS $$ SELECT int8send(0) $$;
         SET search_path = public, pg_catalog; SELECT set_config('tenantry.context', 'entered', false)";
    session.begin(1).await;
    session.sql("SELECT tenantry.leave(); COMMIT").await.unwrap();
    session.sql(shadow).await.unwrap();
    refusal(session.sees().await);
    replace(&fixture, "tenant_id", "pg_catalog.timestamptz_send(", "timestamptz_send(").await;
    assert_eq!(session.sees().await.unwrap(), "1x2");
}

/// Protection: a context that SQL cannot write. The usual policy over a plain setting falls to one set_config.
#[tokio::test]
async fn a_policy_over_a_plain_setting_falls_at_once() {
    let fixture = Fixture::new(15).await;
    fixture
        .db
        .execute("ALTER POLICY tenantry_tenant ON notes USING (tenant = current_setting('app.tenant_id')::uuid)")
        .await;
    let session = fixture.session().await;
    session.sql(&format!("SET app.tenant_id = '{}'", fixture.tenants[0])).await.unwrap();
    let both =
        format!("{}; SELECT set_config('app.tenant_id', '{}', false)", "SELECT body FROM notes", fixture.tenants[1]);
    session.sql(&both).await.unwrap();
    assert_eq!(session.sees().await.unwrap(), "1x2");
}

/// Protection: RESTRICTIVE. A permissive tenant policy beside any other permissive one protects nothing.
#[tokio::test]
async fn a_permissive_tenant_policy_shows_everybody() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    session.begin(0).await;
    assert_eq!(session.sees().await.unwrap(), "0x1");
    session.sql("COMMIT").await.unwrap();
    fixture
        .db
        .execute("DROP POLICY tenantry_tenant ON notes; CREATE POLICY tenantry_tenant ON notes USING (tenant = (SELECT tenantry.tenant_id()))")
        .await;
    session.begin(0).await;
    assert_eq!(session.sees().await.unwrap(), "0x1 1x2 2x3");
}

/// Rewrites the body of a function of the context; fails if there is nothing to rewrite.
async fn replace(fixture: &Fixture, function: &str, from: &str, to: &str) {
    let admin = fixture.db.connect().await;
    let query =
        "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'tenantry'::regnamespace AND proname = $1";
    let rows = admin.query(query, &[&function]).await.unwrap();
    let changed: Vec<String> = rows
        .iter()
        .map(|row| row.get::<_, String>(0))
        .filter(|text| text.contains(from))
        .map(|text| text.replace(from, to))
        .collect();
    assert!(!changed.is_empty(), "{function} has no {from}");
    for definition in changed {
        admin.batch_execute(&definition).await.unwrap();
    }
}
