//! Locks that are not free: waited for in short bites, up to a bound, and then named.

use std::sync::mpsc;
use std::time::Duration;

use tenantry_engine::apply::{self, Error, Event, Observer, Silent};
use tenantry_model::Class;
use tenantry_testkit::postgres;

use crate::support::{self, Log, blueprint, options};

#[tokio::test]
async fn a_lock_that_never_frees_is_given_up_with_the_name_of_its_holder() {
    let db = postgres(15).database("lock").await;
    db.execute(support::SCHEMA).await;
    let (_folder, mut options) = options();
    options.lock_patience = Duration::from_secs(1);
    let mut reader = db.connect_plain().await;
    reader.batch_execute("SET application_name = 'long report'").await.unwrap();
    let pid: i32 = reader.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let report = reader.transaction().await.unwrap();
    report.query("SELECT FROM note LIMIT 1", &[]).await.unwrap();

    let blueprint = blueprint(&db).await;
    let log = Log::default();
    let error = apply::apply(&db.target(), &blueprint, &options, &log).await.unwrap_err();
    let Error::Locked { id, attempts, blockers, .. } = &error else { panic!("{error}") };
    assert_eq!((id.as_str(), blockers[0].pid, error.class()), ("column:public.note", pid, Class::Conflict));
    assert!(*attempts > 1 && error.to_string().contains("long report"), "{error}");
    assert!(log.0.lock().unwrap().iter().any(|e| matches!(e, Event::Waiting { blockers, .. } if !blockers.is_empty())));
    let status = apply::status(&db.target()).await.unwrap();
    assert!(status.steps[3].error.as_ref().unwrap().contains("long report"));

    // nobody queued behind us meanwhile, and nothing of ours is left in the way
    let writer = db.connect_plain().await;
    writer.batch_execute("SET lock_timeout = '1s'; INSERT INTO note VALUES (0, 1)").await.unwrap();
    report.commit().await.unwrap();
    assert!(apply::apply(&db.target(), &blueprint, &options, &Silent).await.unwrap().resumed);
}

#[tokio::test]
async fn a_concurrent_index_waits_for_old_transactions_and_leaves_nothing_half_built() {
    let db = postgres(15).database("snapshot").await;
    db.execute(support::SCHEMA).await;
    let (_folder, mut options) = options();
    options.lock_patience = Duration::from_secs(1);
    let blueprint = blueprint(&db).await;
    apply::apply(&db.target(), &blueprint, &options, &support::At::stop(7)).await.unwrap_err();
    let mut old = db.connect_plain().await;
    let old = old.build_transaction().isolation_level(tokio_pg::IsolationLevel::RepeatableRead).start().await.unwrap();
    old.query("SELECT FROM member LIMIT 1", &[]).await.unwrap();
    let error = apply::apply(&db.target(), &blueprint, &options, &Silent).await.unwrap_err();
    let Error::Locked { id, blockers, .. } = &error else { panic!("{error}") };
    assert_eq!((id.as_str(), blockers.len()), ("index:public.note", 1));
    let client = db.connect().await;
    let sql = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    assert_eq!(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 0);
    old.commit().await.unwrap();
    apply::apply(&db.target(), &blueprint, &options, &Silent).await.unwrap();
}

#[tokio::test]
async fn an_invalid_index_of_a_killed_run_is_dropped_and_built_again() {
    let db = postgres(15).database("invalid").await;
    db.execute(support::SCHEMA).await;
    let (_folder, options) = options();
    let blueprint = blueprint(&db).await;
    apply::apply(&db.target(), &blueprint, &options, &support::At::stop(7)).await.unwrap_err();
    // what a kill in the middle of CREATE INDEX CONCURRENTLY leaves: unique over equal values fails half-way
    let client = db.connect_plain().await;
    let sql = "CREATE UNIQUE INDEX CONCURRENTLY tenantry_note_team_id ON note (body)";
    client.batch_execute(sql).await.unwrap_err();
    let log = Log::default();
    apply::apply(&db.target(), &blueprint, &options, &log).await.unwrap();
    assert!(log.0.lock().unwrap().iter().any(|e| matches!(e, Event::IndexRetried { .. })));
    let sql = "SELECT indisvalid, pg_get_indexdef(indexrelid) FROM pg_index
               WHERE indexrelid = 'tenantry_note_team_id'::regclass";
    let row = client.query_one(sql, &[]).await.unwrap();
    assert!(row.get::<_, bool>(0) && row.get::<_, String>(1).contains("(team_id, id)"));
}

/// Holds a run at its first step until it is let go.
struct Held(std::sync::Mutex<mpsc::Receiver<()>>, mpsc::Sender<()>);

impl Observer for Held {
    fn event(&self, event: Event) {
        if matches!(event, Event::StepStarted { step: 1, .. }) {
            self.1.send(()).unwrap();
            tokio::task::block_in_place(|| self.0.lock().unwrap().recv()).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_runners_the_second_is_told_who_the_first_is() {
    let db = postgres(15).database("two").await;
    db.execute(support::SCHEMA).await;
    let (_folder, options) = options();
    let blueprint = blueprint(&db).await;
    let (go, held) = mpsc::channel();
    let (reached, at_step) = mpsc::channel();
    let first = tokio::spawn({
        let (target, blueprint, options) = (db.target(), blueprint.clone(), options.clone());
        let observer = Held(std::sync::Mutex::new(held), reached);
        async move { apply::apply(&target, &blueprint, &options, &observer).await }
    });
    tokio::task::block_in_place(|| at_step.recv()).unwrap();
    let status = apply::status(&db.target()).await.unwrap();
    assert!(status.runner.unwrap().application.unwrap().starts_with("tenantry apply"));
    for error in [
        apply::apply(&db.target(), &blueprint, &options, &Silent).await.unwrap_err(),
        apply::rollback(&db.target(), &options, &Silent).await.unwrap_err(),
    ] {
        let Error::Busy { holder } = &error else { panic!("{error}") };
        let application = holder.application.as_deref().unwrap();
        assert!(application.contains(&std::process::id().to_string()), "{application}");
        assert!(holder.since.is_some() && error.class() == Class::Conflict);
    }
    go.send(()).unwrap();
    assert_eq!(first.await.unwrap().unwrap().steps, 8);
}

use tenantry_pg::tokio_postgres as tokio_pg;
