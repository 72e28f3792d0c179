//! When a context begins and ends: transactions, savepoints, failures, pools, standbys.

use crate::fixture::{Fixture, refusal};

const ABSENT: &str = "tenantry: no tenant context in this transaction";
/// What an attacker does who knows how the memory is marked.
const MARK: &str = "SELECT set_config('tenantry.context', 'entered', false)";

#[tokio::test]
async fn it_ends_with_the_transaction_however_that_ends() {
    for major in tenantry_testkit::available() {
        let fixture = Fixture::new(major).await;
        let mut session = fixture.session().await;
        for end in ["COMMIT", "ROLLBACK", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN", "END", "ABORT"] {
            session.begin(1).await;
            assert_eq!(session.sees().await.unwrap(), "1x2");
            session.sql(end).await.unwrap();
            if end.ends_with("CHAIN") {
                session.sql("SAVEPOINT s").await.unwrap();
            }
            assert_eq!(refusal(session.sees().await), ABSENT, "{end}");
            if end.ends_with("CHAIN") {
                session.sql("ROLLBACK TO s").await.unwrap();
            }
            session.sql(MARK).await.unwrap();
            assert_eq!(refusal(session.sees().await), ABSENT, "{end} and forged mark");
            session.sql("ROLLBACK; RESET ALL").await.unwrap();
        }
    }
}

#[tokio::test]
async fn autocommit_after_enter_has_no_context() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    session.enter(1).await;
    assert_eq!(refusal(session.sees().await), ABSENT);
    for write in ["INSERT INTO notes (body) VALUES ('x')", "UPDATE notes SET body = 'x'", "DELETE FROM notes"] {
        assert_eq!(refusal(session.sql(write).await), ABSENT, "{write}");
    }
}

#[tokio::test]
async fn a_savepoint_brings_no_earlier_tenant_back() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    session.begin(0).await;
    session.sql("SAVEPOINT s").await.unwrap();
    session.enter(1).await;
    assert_eq!(session.sees().await.unwrap(), "1x2");
    session.sql("ROLLBACK TO s").await.unwrap();
    // the last good token counts: tenant 0 would need a new one
    assert_eq!(session.sees().await.unwrap(), "1x2");
    session.sql("ROLLBACK").await.unwrap();

    session.sql("BEGIN; SAVEPOINT s").await.unwrap();
    session.enter(1).await;
    session.sql("ROLLBACK TO s").await.unwrap();
    assert_eq!(refusal(session.sees().await), ABSENT);
}

#[tokio::test]
async fn a_refused_token_leaves_the_tenant_as_it_is() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    let used = session.token(1);
    session.begin(0).await;
    for attempt in [used.as_str(), "t1.forged"] {
        session.sql("SAVEPOINT s").await.unwrap();
        refusal(session.try_enter(attempt).await);
        session.sql("ROLLBACK TO s").await.unwrap();
        assert_eq!(session.sees().await.unwrap(), "0x1");
        let caught = format!(
            "DO $$ BEGIN PERFORM tenantry.enter('{attempt}'); EXCEPTION WHEN OTHERS THEN NULL; END $$; SELECT DISTINCT body FROM notes"
        );
        assert_eq!(session.sql(&caught).await.unwrap(), ["of tenant 0"]);
    }
}

#[tokio::test]
async fn a_failed_transaction_leaves_nothing_behind() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    session.begin(1).await;
    session.sql("SELECT 1/0").await.unwrap_err();
    assert_eq!(session.sees().await.unwrap_err().code().unwrap().code(), "25P02");
    session.sql("ROLLBACK").await.unwrap();
    assert_eq!(refusal(session.sees().await), ABSENT);
    session.begin(0).await;
    assert_eq!(session.sees().await.unwrap(), "0x1");
}

/// Transactions of one simple message share `now()`. The mark ends at COMMIT; whoever forges it gets the tenant
/// that this very message entered, and no other.
#[tokio::test]
async fn several_transactions_in_one_message_never_show_another_tenant() {
    for major in tenantry_testkit::available() {
        let fixture = Fixture::new(major).await;
        let mut session = fixture.session().await;
        session.begin(1).await;
        session.sql("COMMIT").await.unwrap();
        let look = "SELECT DISTINCT body FROM notes";
        let (enter, mark) = (format!("SELECT tenantry.enter('{}')", session.token(0)), MARK);
        let message = format!("{enter}; COMMIT; {look}");
        assert_eq!(refusal(session.sql(&message).await), ABSENT);
        let enter = format!("SELECT tenantry.enter('{}')", session.token(0));
        let message = format!("BEGIN; {enter}; COMMIT; BEGIN; {mark}; {look}; COMMIT");
        let shown = session.sql(&message).await.unwrap();
        assert_eq!(shown.last().unwrap(), "of tenant 0");
        assert!(!shown.iter().any(|v| v.contains("tenant 1") || v.contains("tenant 2")));
        // the next message has another now()
        assert_eq!(refusal(session.sees().await), ABSENT);
    }
}

/// COMMIT inside a procedure begins a transaction with a later `now()`.
#[tokio::test]
async fn a_commit_inside_do_ends_it() {
    for major in tenantry_testkit::available() {
        let fixture = Fixture::new(major).await;
        let mut session = fixture.session().await;
        for mark in ["NULL;", "PERFORM set_config('tenantry.context', 'entered', false);"] {
            for end in ["COMMIT", "ROLLBACK", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN"] {
                let token = session.token(1);
                let block = format!(
                    "DO $$ DECLARE n bigint; BEGIN
                       PERFORM tenantry.enter('{token}');
                       SELECT count(*) INTO STRICT n FROM notes;
                       IF n <> 2 THEN RAISE 'entering failed'; END IF;
                       {end}; {mark}
                       SELECT count(*) INTO STRICT n FROM notes;
                       RAISE 'still inside: %', n;
                     END $$"
                );
                assert_eq!(refusal(session.sql(&block).await), ABSENT, "{end} {mark}");
            }
        }
    }
}

#[tokio::test]
async fn read_only_comes_after_enter_or_uses_the_stateless_form() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    session.begin(1).await;
    session.sql("SET TRANSACTION READ ONLY").await.unwrap();
    assert_eq!(session.sees().await.unwrap(), "1x2");
    session.sql("SELECT tenantry.leave(); SAVEPOINT s").await.unwrap();
    assert_eq!(refusal(session.sees().await), ABSENT);
    session.sql("ROLLBACK").await.unwrap();

    session.sql("BEGIN READ ONLY; SAVEPOINT s").await.unwrap();
    let token = session.token(1);
    assert_eq!(
        refusal(session.try_enter(&token).await),
        "tenantry: a context cannot be entered in a READ ONLY transaction or on a standby"
    );
    session.sql("ROLLBACK TO s").await.unwrap();
    assert_eq!(
        refusal(session.sql("SELECT tenantry.bind_session()").await),
        "tenantry: a session cannot be bound in a READ ONLY transaction or on a standby"
    );
}

#[tokio::test]
async fn leave_ends_it_and_a_forged_mark_does_not_bring_it_back() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    session.begin(1).await;
    session.sql("SELECT tenantry.leave(); SAVEPOINT s").await.unwrap();
    assert_eq!(refusal(session.sees().await), ABSENT);
    session.sql("ROLLBACK TO s").await.unwrap();
    session.sql(MARK).await.unwrap();
    assert_eq!(refusal(session.sees().await), ABSENT);
}

#[tokio::test]
async fn wiping_settings_gives_a_refusal_and_never_another_tenant() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    for wipe in
        ["RESET ALL", "RESET tenantry.context", "SET tenantry.context TO DEFAULT", "SET LOCAL tenantry.context = ''"]
    {
        session.begin(1).await;
        session.sql(wipe).await.unwrap();
        assert_eq!(refusal(session.sees().await), ABSENT, "{wipe}");
        session.sql("ROLLBACK").await.unwrap();
    }
    // inside the transaction the memory itself can be thrown away: nothing is shown
    session.begin(1).await;
    session.sql("DISCARD SEQUENCES").await.unwrap();
    let error = session.sees().await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "55000", "{error:?}");
    session.sql("ROLLBACK").await.unwrap();
    assert_eq!(refusal(session.sees().await), ABSENT);
}

#[tokio::test]
async fn a_prepared_transaction_takes_no_context_along() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    session.begin(1).await;
    session.sql("INSERT INTO notes (body) VALUES ('of tenant 1')").await.unwrap();
    session.sql("PREPARE TRANSACTION 'context_2pc'").await.unwrap();
    assert_eq!(refusal(session.sees().await), ABSENT);
    session.sql("COMMIT PREPARED 'context_2pc'").await.unwrap();
    assert_eq!(refusal(session.sees().await), ABSENT);
    session.begin(1).await;
    assert_eq!(session.sees().await.unwrap(), "1x3");
}

#[tokio::test]
async fn a_session_that_was_never_bound_hears_what_to_do() {
    let fixture = Fixture::new(15).await;
    let settings = tenantry_pg::Session::plain();
    let client = tenantry_pg::connect_with(&fixture.runtime, &settings).await.unwrap();
    let mut session = crate::fixture::Session { fixture: &fixture, client, session_no: 1, counter: 0 };
    assert_eq!(refusal(session.sees().await), ABSENT);
    let token = session.token(0);
    assert_eq!(refusal(session.try_enter(&token).await), "tenantry: this session is not bound");
}
