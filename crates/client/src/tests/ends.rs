//! How transactions end.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use super::{World, sees, tenant};
use crate::Error;

const INSERT: &str = "INSERT INTO project (name) VALUES ($1)";

#[tokio::test]
async fn commit_says_when_nothing_was_committed() {
    let world = World::new(15, "ends").await;
    let pool = world.pool(1).await;
    let a = pool.tenant(&tenant(0));
    let names =
        async || world.admin("SELECT string_agg(name, ' ' ORDER BY name) FROM project WHERE name LIKE 'end%'").await;

    let tx = a.begin().await.unwrap();
    tx.execute(INSERT, &[&"end1"]).await.unwrap();
    assert_eq!(tx.execute("SELECT 1/0", &[]).await.unwrap_err().sqlstate(), Some("22012"));
    assert!(matches!(tx.commit().await, Err(Error::Aborted)));

    let tx = a.begin().await.unwrap();
    tx.execute(INSERT, &[&"end2"]).await.unwrap();
    tx.batch_execute("SAVEPOINT s").await.unwrap();
    tx.execute("SELECT 1/0", &[]).await.unwrap_err();
    tx.batch_execute("ROLLBACK TO s").await.unwrap();
    tx.commit().await.unwrap();

    // a statement nobody waited for may have failed
    let tx = a.begin().await.unwrap();
    tx.execute(INSERT, &[&"end3"]).await.unwrap();
    {
        let mut cut = pin!(tx.execute("SELECT 1/0", &[]));
        assert!(cut.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert!(matches!(tx.commit().await, Err(Error::Interrupted)));

    let failed: Result<(), Error> = a
        .transaction(|tx| async move {
            tx.execute(INSERT, &[&"end4"]).await?;
            tx.query_one("SELECT name FROM project WHERE false", &[]).await?;
            Ok(())
        })
        .await;
    assert!(matches!(failed, Err(Error::Rows { found: 0, .. })));

    // whoever gives the statements away gets nothing committed, and the one who has them can send none
    let given: std::sync::Mutex<Option<crate::Statements>> = std::sync::Mutex::default();
    let ended: Result<(), Error> = a
        .transaction(|tx| async {
            tx.execute(INSERT, &[&"end7"]).await?;
            *given.lock().unwrap() = Some(tx);
            Ok(())
        })
        .await;
    assert!(matches!(ended, Err(Error::GivenAway)));
    let given = given.into_inner().unwrap().unwrap();
    assert!(matches!(given.execute(INSERT, &[&"end8"]).await, Err(Error::Ended)));
    drop(given);

    let tx = a.begin().await.unwrap();
    tx.execute(INSERT, &[&"end5"]).await.unwrap();
    drop(tx);
    let tx = a.begin().await.unwrap();
    tx.execute(INSERT, &[&"end6"]).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(names().await, "end2");
    assert_eq!(sees(&a).await, ["Workspace 1"]);
}

#[tokio::test]
async fn mistakes_of_the_caller_leave_a_transaction_as_it_was() {
    let world = World::new(15, "mistakes").await;
    let pool = world.pool(1).await;
    let a = pool.tenant(&tenant(0));
    for sql in ["BEGIN", "/* x */ start transaction"] {
        assert!(matches!(a.execute(sql, &[]).await, Err(Error::OpensTransaction)));
    }
    let tx = a.begin().await.unwrap();
    tx.execute(INSERT, &[&"kept"]).await.unwrap();
    for sql in ["COMMIT", "ROLLBACK", "end", "PREPARE TRANSACTION 'x'"] {
        assert!(matches!(tx.execute(sql, &[]).await, Err(Error::EndsTransaction)));
        assert!(matches!(tx.batch_execute(sql).await, Err(Error::EndsTransaction)));
    }
    // found out before anything is sent: texts of the driver that connection::is_plain knows
    tx.query("SELECT $1::int", &[]).await.unwrap_err();
    tx.query("SELECT $1::int", &[&"text"]).await.unwrap_err();
    assert!(matches!(tx.query_opt("SELECT generate_series(1, 3)", &[]).await, Err(Error::Rows { found: 3, .. })));
    tx.commit().await.unwrap();
    assert_eq!(a.query("SELECT 1 FROM project WHERE name = 'kept'", &[]).await.unwrap().len(), 1);

    // COPY wants more of the driver than a statement: the connection is closed, the tenant is not
    a.execute("COPY (SELECT name FROM workspace) TO STDOUT", &[]).await.unwrap_err();
    let tx = a.begin().await.unwrap();
    tx.batch_execute("COPY (SELECT name FROM workspace) TO STDOUT").await.unwrap_err();
    assert!(matches!(tx.commit().await, Err(Error::Interrupted)));
    assert_eq!(sees(&a).await, ["Workspace 1"]);
}

/// Ending it by several statements in one text is no way out of the tenant.
#[tokio::test]
async fn a_transaction_ended_behind_our_back_ends() {
    let world = World::new(15, "behind").await;
    let pool = world.pool(1).await;
    let (a, b) = (pool.tenant(&tenant(0)), pool.tenant(&tenant(1)));
    let tx = a.begin().await.unwrap();
    tx.batch_execute("SELECT 1; COMMIT; BEGIN; INSERT INTO project (name) VALUES ('open')").await.unwrap();
    drop(tx);
    let assigned = "SELECT pg_current_xact_id_if_assigned()::text";
    assert_eq!(super::text(&b, assigned).await, "");
    assert_eq!(sees(&b).await, ["Workspace 2"]);
    assert_eq!(world.admin("SELECT count(*)::text FROM project WHERE name = 'open'").await, "0");
}
