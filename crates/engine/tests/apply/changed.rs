//! The database changes while it is being isolated.

use tenantry_engine::apply::{self, Error, RunState, Silent};
use tenantry_model::Class;
use tenantry_testkit::{dump, dump_roles, postgres};

use crate::support::{self, At, Log, blueprint, options};

#[tokio::test]
async fn a_table_dropped_half_way_is_named_and_left_out_on_the_way_back() {
    for moment in [5, 7] {
        let db = postgres(15).database("dropped").await;
        db.execute(support::SCHEMA).await;
        let roles = dump_roles(&db);
        let (_folder, options) = options();
        let blueprint = blueprint(&db).await;
        let drop = At::step_started(moment, &db, "DROP TABLE note");
        let error = apply::apply(&db.target(), &blueprint, &options, &drop).await.unwrap_err();
        assert!(matches!(error, Error::TableGone { .. }), "{error}");
        assert!(error.class() == Class::Missing && error.to_string().contains("public.note"), "{error}");
        let error = apply::apply(&db.target(), &blueprint, &options, &Silent).await.unwrap_err();
        assert!(matches!(error, Error::TableGone { .. }), "{error}");
        let outcome = apply::rollback(&db.target(), &options, &Silent).await.unwrap();
        assert!(outcome.skipped.iter().all(|s| s.contains("public.note")), "{:?}", outcome.skipped);
        assert!(!outcome.skipped.is_empty());

        // the same as if the table had been dropped in a database that was never touched
        let plain = postgres(15).database("plain").await;
        plain.execute(support::SCHEMA).await;
        plain.execute("DROP TABLE note").await;
        assert_eq!(dump(&db), dump(&plain));
        assert_eq!(dump_roles(&db), roles);
    }
}

#[tokio::test]
async fn a_referenced_table_dropped_after_complete_does_not_stop_the_way_back() {
    let db = postgres(15).database("parent").await;
    db.execute(support::SCHEMA).await;
    let (_folder, options) = options();
    apply::apply(&db.target(), &blueprint(&db).await, &options, &Silent).await.unwrap();
    apply::complete(&db.target(), &options, &Silent).await.unwrap();
    db.execute("DROP TABLE member CASCADE").await;
    let outcome = apply::rollback(&db.target(), &options, &Silent).await.unwrap();
    assert!(outcome.skipped[0].contains("table public.member is gone"), "{:?}", outcome.skipped);
    assert_eq!(apply::status(&db.target()).await.unwrap().state, None);
}

#[tokio::test]
async fn a_full_disk_stops_the_backfill_and_room_lets_it_go_on() {
    let db = postgres(15).database("full").await;
    db.execute(support::SCHEMA).await;
    // raises what the server raises when it cannot extend a file; ALWAYS, so that it fires under every setting
    db.execute(
        "CREATE TABLE room (free boolean);
         CREATE FUNCTION extend() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NEW.id > 2500 AND NOT EXISTS (SELECT FROM public.room) THEN
                 RAISE SQLSTATE '53100' USING MESSAGE = 'could not extend file: No space left on device';
             END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER extend BEFORE UPDATE ON note FOR EACH ROW EXECUTE FUNCTION extend();
         ALTER TABLE note ENABLE ALWAYS TRIGGER extend",
    )
    .await;
    let before = dump(&db);
    let (_folder, options) = options();
    let blueprint = blueprint(&db).await;
    let error = apply::apply(&db.target(), &blueprint, &options, &Silent).await.unwrap_err();
    let Error::DiskFull { fraction, .. } = &error else { panic!("{error}") };
    assert!(*fraction > 0.2 && *fraction < 0.8 && error.class() == Class::Unavailable, "{error}");
    assert!(error.to_string().contains("make room"), "{error}");
    let status = apply::status(&db.target()).await.unwrap();
    assert_eq!(status.state, Some(RunState::Applying));
    let done = status.steps[4].progress.unwrap();
    assert!(done.rows > 1000 && done.rows <= 2500, "{done:?}");
    db.execute("INSERT INTO room VALUES (true)").await;
    let log = Log::default();
    apply::apply(&db.target(), &blueprint, &options, &log).await.unwrap();
    assert_eq!(apply::status(&db.target()).await.unwrap().steps[4].progress.unwrap().rows, 4000, "nothing twice");
    apply::rollback(&db.target(), &options, &Silent).await.unwrap();
    assert_eq!(dump(&db), before);
}
