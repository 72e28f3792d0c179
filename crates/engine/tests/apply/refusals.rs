//! What a run refuses before it changes anything.

use tenantry_blueprint::file::{Blueprint, Finding, Severity};
use tenantry_engine::apply::{self, Command, Error, RunState, Silent};
use tenantry_model::Class;
use tenantry_pg::Target;
use tenantry_testkit::{available, postgres};

use crate::support::{self, blueprint, options};

#[tokio::test]
async fn nobody_answers() {
    let target = Target::new("127.0.0.1", 1, "ann", None, "app");
    let error = apply::status(&target).await.unwrap_err();
    assert_eq!(error.class(), Class::Unavailable);
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
}

#[tokio::test]
async fn a_wrong_password() {
    let db = postgres(15).database("password").await;
    db.login("ann", "").await;
    let target = db.target().with_login(&db.role("ann"), "wrong");
    let error = apply::status(&target).await.unwrap_err();
    assert_eq!(error.class(), Class::Denied);
    assert!(!error.to_string().contains("wrong"), "{error}");
}

#[tokio::test]
async fn missing_rights_are_listed_with_their_grants() {
    let db = postgres(15).database("rights").await;
    db.execute(support::SCHEMA).await;
    let ann = db.login("ann", "").await;
    let (_folder, options) = options();
    let error = apply::apply(&ann, &blueprint(&db).await, &options, &Silent).await.unwrap_err();
    assert_eq!(error.class(), Class::Denied);
    let text = error.to_string();
    let create = format!("GRANT CREATE ON DATABASE \"{}\" TO \"{}\"", db.name(), db.role("ann"));
    assert!(text.contains("CREATEROLE") && text.contains(&create), "{text}");
    assert_eq!(apply::status(&db.target()).await.unwrap().state, None);
}

#[tokio::test]
async fn a_server_below_the_floor() {
    for major in available() {
        let server = postgres(major);
        if !server.version().is_below_floor() {
            continue;
        }
        let db = server.database("floor").await;
        let (_folder, mut options) = options();
        options.allow_old_server = false;
        let error = apply::apply(&db.target(), &blueprint(&db).await, &options, &Silent).await.unwrap_err();
        assert!(matches!(error, Error::Unfit(_)) && error.to_string().contains("--allow-old-server"), "{error}");
    }
}

#[tokio::test]
async fn a_blueprint_that_is_not_for_this_database() {
    let db = postgres(15).database("other").await;
    db.execute(support::SCHEMA).await;
    let (_folder, options) = options();
    let good = blueprint(&db).await;
    let refused = async |change: &dyn Fn(&mut Blueprint)| {
        let mut bad = good.clone();
        change(&mut bad);
        let error = apply::apply(&db.target(), &bad, &options, &Silent).await.unwrap_err();
        assert_eq!(apply::status(&db.target()).await.unwrap().state, None, "{error}");
        error
    };
    let error = refused(&|b| b.database = "shop".into()).await;
    assert!(matches!(&error, Error::OtherDatabase { .. }) && error.to_string().contains("`shop`"), "{error}");
    let error = refused(&|b| b.server_major = 17).await;
    assert!(matches!(error, Error::OtherServer { expected: 17, found: 15 }), "{error}");
    let finding = Finding {
        id: "unknown-table".into(),
        severity: Severity::High,
        object: "public.note".into(),
        message: "nobody said what it is".into(),
        remedy: "say so".into(),
        blocks: true,
        accepted: None,
    };
    let error = refused(&|b| b.findings.push(finding.clone())).await;
    assert!(error.to_string().contains("public.note: nobody said what it is"), "{error}");
    for damage in [
        (&|b: &mut Blueprint| b.steps[3].id = b.steps[4].id.clone()) as &dyn Fn(&mut Blueprint),
        &|b: &mut Blueprint| b.steps.swap(0, 9),
        &|b: &mut Blueprint| b.steps[4].up.clear(),
        &|b: &mut Blueprint| b.format = 99,
    ] {
        let error = refused(damage).await;
        assert!(matches!(error, Error::BadBlueprint { .. }) && error.class() == Class::Caller, "{error}");
    }

    db.execute("ALTER TABLE note ADD COLUMN colour text").await;
    let error = refused(&|_| {}).await;
    assert!(matches!(error, Error::SchemaChanged { .. }) && error.class() == Class::Conflict, "{error}");
}

#[tokio::test]
async fn names_that_are_taken() {
    let db = postgres(15).database("taken").await;
    db.execute(support::SCHEMA).await;
    let (_folder, options) = options();
    let mut blueprint = blueprint(&db).await;
    db.execute(&format!("CREATE ROLE {}", blueprint.roles.owner.quoted())).await;
    let error = apply::apply(&db.target(), &blueprint, &options, &Silent).await.unwrap_err();
    assert!(error.to_string().contains(blueprint.roles.owner.as_str()), "{error}");
    db.execute(&format!("DROP ROLE {}; CREATE SCHEMA tenantry", blueprint.roles.owner.quoted())).await;
    blueprint.fingerprint = support::fingerprint(&db).await;
    let error = apply::apply(&db.target(), &blueprint, &options, &Silent).await.unwrap_err();
    assert!(error.to_string().contains("schema tenantry exists already"), "{error}");
}

#[tokio::test]
async fn an_index_of_the_same_name_is_not_taken_for_ours() {
    let db = postgres(15).database("index").await;
    db.execute(support::SCHEMA).await;
    let before = tenantry_testkit::dump(&db);
    let (_folder, options) = options();
    let blueprint = blueprint(&db).await;
    let occupy = support::At::step_started(7, &db, "CREATE INDEX tenantry_note_team_id ON note (body)");
    let error = apply::apply(&db.target(), &blueprint, &options, &occupy).await.unwrap_err();
    assert!(matches!(error, Error::NameTaken { .. }), "{error}");
    db.execute("DROP INDEX tenantry_note_team_id").await;
    apply::apply(&db.target(), &blueprint, &options, &Silent).await.unwrap();
    apply::rollback(&db.target(), &options, &Silent).await.unwrap();
    assert_eq!(tenantry_testkit::dump(&db), before);
}

#[tokio::test]
async fn commands_out_of_order() {
    let db = postgres(15).database("order").await;
    db.execute(support::SCHEMA).await;
    let (_folder, options) = options();
    let target = db.target();
    for error in [
        apply::complete(&target, &options, &Silent).await.unwrap_err(),
        apply::rollback(&target, &options, &Silent).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::NotIsolated { .. }) && error.class() == Class::Missing, "{error}");
    }
    let blueprint = blueprint(&db).await;
    let stopped = apply::apply(&target, &blueprint, &options, &support::At::stop(4)).await.unwrap_err();
    assert!(matches!(stopped, Error::Stopped), "{stopped}");
    let error = apply::complete(&target, &options, &Silent).await.unwrap_err();
    assert!(matches!(error, Error::WrongState { first: Command::Apply, .. }), "{error}");
    let mut another = blueprint.clone();
    another.steps[3].title.push('!');
    let error = apply::apply(&target, &another, &options, &Silent).await.unwrap_err();
    assert!(matches!(error, Error::OtherBlueprint { state: RunState::Applying, .. }), "{error}");

    apply::apply(&target, &blueprint, &options, &Silent).await.unwrap();
    let stopped = apply::rollback(&target, &options, &support::At::stop(4)).await.unwrap_err();
    assert!(matches!(stopped, Error::Stopped), "{stopped}");
    let error = apply::apply(&target, &blueprint, &options, &Silent).await.unwrap_err();
    assert!(matches!(error, Error::WrongState { first: Command::Rollback, .. }), "{error}");
    assert!(apply::rollback(&target, &options, &Silent).await.unwrap().resumed);
}
