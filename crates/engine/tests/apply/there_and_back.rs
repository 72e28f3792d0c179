//! Apply, complete, roll back and status on a real server, with a blueprint made by hand.

use crate::support::{self, Log, blueprint, options};
use tenantry_engine::apply::{self, RunState, Silent, StepState};
use tenantry_engine::credentials::Credentials;
use tenantry_testkit::{dump, dump_roles, postgres};

#[tokio::test]
async fn there_and_back_gives_the_exact_catalog() {
    let db = postgres(15).database("there").await;
    db.execute(support::SCHEMA).await;
    let before = (dump(&db), dump_roles(&db));
    let (_folder, options) = options();
    let blueprint = blueprint(&db).await;
    let log = Log::default();

    let outcome = apply::apply(&db.target(), &blueprint, &options, &log).await.unwrap();
    assert_eq!((outcome.state, outcome.steps, outcome.resumed), (Some(RunState::Applied), 8, false));
    let client = db.connect().await;
    let left: i64 =
        client.query_one("SELECT count(*) FROM public.note WHERE team_id IS NULL", &[]).await.unwrap().get(0);
    let touched: i64 =
        client.query_one("SELECT count(*) FROM public.note WHERE updated_at IS NOT NULL", &[]).await.unwrap().get(0);
    assert_eq!((left, touched), (0, 0), "every row is filled, and no trigger of the application has run");

    let status = apply::status(&db.target()).await.unwrap();
    assert_eq!((status.state, status.steps_done, &status.runner), (Some(RunState::Applied), 8, &None));
    assert!(status.steps[..8].iter().all(|s| s.state == StepState::Done && s.finished_at.is_some()));
    assert_eq!(status.steps[4].progress.unwrap().rows, 4000);
    assert!(status.to_string().contains("applied, 8 of 10 steps done"));

    // the logins of the file work, and only they need a context
    let credentials = Credentials::read(&options.credentials).unwrap();
    let login = &credentials.logins[1];
    let slot = tenantry_pg::connect(&db.target().with_login(&login.user, &login.password)).await.unwrap();
    let refused = slot.query("SELECT FROM public.note", &[]).await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "42501");
    slot.close().await;

    assert_eq!(apply::apply(&db.target(), &blueprint, &options, &Silent).await.unwrap().steps, 0);
    assert_eq!(apply::complete(&db.target(), &options, &Silent).await.unwrap().state, Some(RunState::Completed));
    let outcome = apply::rollback(&db.target(), &options, &log).await.unwrap();
    assert_eq!((outcome.state, outcome.steps, outcome.skipped), (None, 10, Vec::new()));
    assert_eq!((dump(&db), dump_roles(&db)), before);
    assert!(!options.credentials.exists(), "the file of dead logins is gone too");
    assert_eq!(apply::status(&db.target()).await.unwrap().state, None);
}
