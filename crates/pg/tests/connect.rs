//! Every way a connection can fail has its own words, and none of them is the password.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::time::Duration;

use tenantry_model::Class;
use tenantry_pg::{Backoff, ConnectError, Session, SslMode, Target, connect, connect_with, is_lock_timeout, retry};
use tenantry_testkit::{Database, postgres};

/// The error of a target that must not connect; its text and its causes must not show the password.
async fn refused(target: &Target) -> ConnectError {
    let error = connect(target).await.expect_err("this must not connect");
    assert!(!format!("{error} {error:?}").contains("test-only"), "the password is shown: {error:?}");
    error
}

async fn database(hint: &str) -> Database {
    postgres(15).database(hint).await
}

#[tokio::test]
async fn logins_that_do_not_fit_are_named() {
    let db = database("logins").await;
    let login = db.login("ann", "").await;
    assert!(connect(&login).await.is_ok());

    let error = refused(&login.with_login(login.user(), "wrong test-only")).await;
    assert!(matches!(error, ConnectError::Password { .. }) && error.class() == Class::Denied, "{error}");
    assert!(error.to_string().contains(login.user()), "{error}");

    let error = refused(&login.with_login("nobody_of_this_name", "test-only")).await;
    assert!(matches!(error, ConnectError::Password { .. }), "the server does not say who exists: {error}");

    let bare = Target::new(&login.host(), login.port(), login.user(), None, db.name());
    let error = refused(&bare).await;
    assert!(matches!(error, ConnectError::PasswordMissing { .. }), "{error}");

    let error = refused(&login.with_database("no such database")).await;
    assert!(error.to_string().contains("no database `no such database`") && error.class() == Class::Missing, "{error}");

    db.execute(&format!("ALTER ROLE {} NOLOGIN", login.user())).await;
    let error = refused(&login).await;
    assert!(
        matches!(error, ConnectError::Refused { .. }) && error.to_string().contains("not permitted to log in"),
        "{error}"
    );
}

#[tokio::test]
async fn a_database_without_the_right_to_connect_and_a_full_server() {
    let db = database("full").await;
    let login = db.login("ann", "CONNECTION LIMIT 0").await;
    let error = refused(&login).await;
    assert!(matches!(error, ConnectError::TooManyConnections { .. }) && error.class() == Class::Unavailable, "{error}");
    db.execute(&format!(
        "ALTER ROLE {} CONNECTION LIMIT -1; REVOKE CONNECT ON DATABASE {} FROM PUBLIC",
        login.user(),
        db.name()
    ))
    .await;
    let error = refused(&login).await;
    assert!(matches!(error, ConnectError::Refused { .. }) && error.class() == Class::Denied, "{error}");
}

#[tokio::test]
async fn servers_that_do_not_answer_are_unreachable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for target in [
        format!("postgres://ann:test-only@127.0.0.1:{free}/app"),
        format!("postgres://ann:test-only@[::1]:{free}/app"),
        "postgres://ann:test-only@no-such-host.invalid/app".to_owned(),
        "host=/no/such/folder user=ann password=test-only".to_owned(),
    ] {
        let error = refused(&Target::parse(&target).unwrap()).await;
        assert!(matches!(error, ConnectError::Unreachable { .. }), "{target}: {error:?}");
        assert!(error.class().is_transient());
    }
}

#[tokio::test]
async fn a_host_that_accepts_and_says_nothing_is_given_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let target = Target::parse(&format!("postgres://ann:test-only@127.0.0.1:{port}/app?connect_timeout=1")).unwrap();
    let accepted = tokio::spawn(async move { silent.accept().await });
    let error = tokio::time::timeout(Duration::from_secs(30), refused(&target)).await.expect("it waits for ever");
    assert!(matches!(error, ConnectError::Silent { .. }), "{error:?}");
    drop(accepted);
}

#[tokio::test]
async fn the_tools_session_is_not_bent_by_stored_settings() {
    let db = database("session").await;
    let login = db.login("ann", "").await;
    db.execute(&format!(
        "ALTER ROLE {0} SET search_path = evil; ALTER ROLE {0} SET statement_timeout = '1ms'; ALTER ROLE {0} SET quote_all_identifiers = on",
        login.user()
    ))
    .await;
    let sql = "SELECT current_setting('search_path'), current_setting('statement_timeout'), current_setting('application_name')";
    let ours = connect(&login).await.unwrap().query_one(sql, &[]).await.unwrap();
    assert_eq!(
        (ours.get::<_, &str>(0), ours.get::<_, &str>(1), ours.get::<_, &str>(2)),
        ("pg_catalog", "0", "tenantry")
    );
    let plain = connect_with(&login, &Session::plain()).await.unwrap();
    let path: String = plain.query_one("SELECT current_setting('search_path')", &[]).await.unwrap().get(0);
    assert_eq!(path, "evil");
    let error = connect_with(&login, &Session::tool().with("work_mem", "much")).await.unwrap_err();
    assert!(matches!(error, ConnectError::Session { .. }), "{error}");
}

#[tokio::test]
async fn a_closed_client_is_gone_from_the_server() {
    let db = database("close").await;
    let client = db.connect().await;
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    client.close().await;
    let watcher = db.connect().await;
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1";
    let gone = retry(
        Backoff::default(),
        |left: &i64| *left > 0,
        |_| async {
            match watcher.query_one(sql, &[&pid]).await.unwrap().get(0) {
                0 => Ok(()),
                left => Err(left),
            }
        },
    );
    assert_eq!(gone.await, Ok(()));
}

#[tokio::test]
async fn a_lock_that_is_freed_is_got_by_trying_again() {
    let db = database("retry").await;
    db.execute("CREATE TABLE t (id int)").await;
    let (holder, waiter) = (db.connect_plain().await, db.connect_plain().await);
    holder.batch_execute("BEGIN; LOCK TABLE t").await.unwrap();
    waiter.batch_execute("SET lock_timeout = '20ms'").await.unwrap();
    let tries = retry(Backoff::default(), is_lock_timeout, |attempt| {
        let (holder, waiter) = (&holder, &waiter);
        async move {
            if attempt == 3 {
                holder.batch_execute("COMMIT").await?;
            }
            waiter.batch_execute("ALTER TABLE t ADD COLUMN more int").await.map(|()| attempt)
        }
    });
    assert_eq!(tries.await.unwrap(), 3);
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let target = postgres(15).tcp_target().with_ssl(SslMode::Require, None);
    let error = refused(&target).await;
    assert!(matches!(error, ConnectError::TlsRefused { .. }), "{error:?}");
    assert!(connect(&target.with_ssl(SslMode::Prefer, None)).await.is_ok());
}
