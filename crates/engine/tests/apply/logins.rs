//! The logins that come and the logins that go.

use std::os::unix::fs::PermissionsExt;

use tenantry_engine::apply::{self, Error, Event, Observer, RunState, Silent};
use tenantry_engine::credentials::Credentials;
use tenantry_testkit::{dump, dump_roles, postgres};

use crate::support::{self, blueprint, options};

#[tokio::test]
async fn a_login_in_use_is_named_before_anything_is_taken_back() {
    let db = postgres(15).database("inuse").await;
    db.execute(support::SCHEMA).await;
    let before = (dump(&db), dump_roles(&db));
    let (_folder, mut options) = options();
    apply::apply(&db.target(), &blueprint(&db).await, &options, &Silent).await.unwrap();
    let login = Credentials::read(&options.credentials).unwrap().logins[0].clone();
    let target = db.target().with_login(&login.user, &login.password).with_application_name("web-1");
    let web = tenantry_pg::connect(&target).await.unwrap();
    let error = apply::rollback(&db.target(), &options, &Silent).await.unwrap_err();
    assert!(matches!(error, Error::RolesInUse { .. }), "{error}");
    assert!(error.to_string().contains(&login.user) && error.to_string().contains("web-1"), "{error}");
    assert_eq!(apply::status(&db.target()).await.unwrap().state, Some(RunState::Applied));
    options.disconnect = true;
    apply::rollback(&db.target(), &options, &Silent).await.unwrap();
    assert!(web.query("SELECT 1", &[]).await.is_err());
    assert_eq!((dump(&db), dump_roles(&db)), before);
}

#[tokio::test]
async fn a_role_that_somebody_gave_more_to_is_named_with_what_it_was_given() {
    let db = postgres(15).database("given").await;
    db.execute(support::SCHEMA).await;
    let (_folder, options) = options();
    let blueprint = blueprint(&db).await;
    apply::apply(&db.target(), &blueprint, &options, &Silent).await.unwrap();
    let runtime = blueprint.roles.runtime.quoted();
    db.execute(&format!("GRANT SELECT ON team TO {runtime}")).await;
    let error = apply::rollback(&db.target(), &options, &Silent).await.unwrap_err();
    assert!(matches!(error, Error::RoleStillUsed { .. }), "{error}");
    assert!(error.to_string().contains("table public.team"), "{error}");
    assert_eq!(apply::status(&db.target()).await.unwrap().state, Some(RunState::RollingBack));
    db.execute(&format!("REVOKE SELECT ON team FROM {runtime}")).await;
    apply::rollback(&db.target(), &options, &Silent).await.unwrap();
}

#[tokio::test]
async fn complete_does_not_lock_out_logins_at_work_unless_told() {
    let db = postgres(15).database("old").await;
    db.execute(support::SCHEMA).await;
    let old = db.login("app", "").await;
    let (_folder, mut options) = options();
    apply::apply(&db.target(), &blueprint(&db).await, &options, &Silent).await.unwrap();
    let session = tenantry_pg::connect(&old.with_application_name("old-web")).await.unwrap();
    let error = apply::complete(&db.target(), &options, &Silent).await.unwrap_err();
    assert!(matches!(error, Error::OldLoginsInUse { .. }) && error.to_string().contains("old-web"), "{error}");
    assert_eq!(apply::status(&db.target()).await.unwrap().state, Some(RunState::Applied));
    options.lock_out_old_logins = true;
    apply::complete(&db.target(), &options, &Silent).await.unwrap();
    session.close().await;
}

/// Ends the run's own connection at the second statement of the credentials step, when the file is written.
struct CutAtCredentials<'a>(&'a tokio::runtime::Handle, tenantry_pg::Target);

impl Observer for CutAtCredentials<'_> {
    fn event(&self, event: Event) {
        if matches!(event, Event::Statement { step: 3, statement: 2 }) {
            let (handle, target) = (self.0.clone(), self.1.clone());
            let sql = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                       WHERE datname = current_database() AND application_name LIKE 'tenantry apply%'";
            std::thread::spawn(move || {
                handle.block_on(async { tenantry_pg::connect(&target).await.unwrap().query(sql, &[]).await.unwrap() })
            })
            .join()
            .unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_written_by_a_run_that_was_cut_short_are_kept() {
    let db = postgres(15).database("secrets").await;
    db.execute(support::SCHEMA).await;
    let (_folder, options) = options();
    let blueprint = blueprint(&db).await;
    let cut = CutAtCredentials(&tokio::runtime::Handle::current(), db.target());
    let error = apply::apply(&db.target(), &blueprint, &options, &cut).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionLost { .. }), "{error}");
    let mode = std::fs::metadata(&options.credentials).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let first = std::fs::read(&options.credentials).unwrap();
    apply::apply(&db.target(), &blueprint, &options, &Silent).await.unwrap();
    assert_eq!(std::fs::read(&options.credentials).unwrap(), first);
    let credentials = Credentials::read(&options.credentials).unwrap();
    for login in &credentials.logins {
        let target = db.target().with_login(&login.user, &login.password);
        tenantry_pg::connect(&target).await.unwrap().close().await;
    }

    // what the database holds of the key is what HMAC begins with
    let key = &credentials.signing_key;
    let pads = tenantry_model::token::ContextKey::from_hex(key.kid, &key.key).unwrap().pads();
    let sql = "SELECT ipad, opad FROM tenantry.signing_key WHERE kid = 1";
    let row = db.connect().await.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get::<_, &[u8]>(0), row.get::<_, &[u8]>(1)), (&pads.ipad[..], &pads.opad[..]));
}

#[tokio::test]
async fn a_credentials_file_of_another_database_is_never_overwritten() {
    let db = postgres(15).database("file").await;
    db.execute(support::SCHEMA).await;
    let (_folder, options) = options();
    let blueprint = blueprint(&db).await;
    for (text, words) in [("{}", "not a credentials file"), ("", "of database `shop`")] {
        if text.is_empty() {
            Credentials::generate("shop", "h", 1, &["a"]).unwrap().write(&options.credentials).unwrap();
        } else {
            std::fs::write(&options.credentials, text).unwrap();
        }
        let before = std::fs::read(&options.credentials).unwrap();
        let error = apply::apply(&db.target(), &blueprint, &options, &Silent).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(std::fs::read(&options.credentials).unwrap(), before);
    }
    apply::rollback(&db.target(), &options, &Silent).await.unwrap();
    assert!(options.credentials.exists(), "it is not ours to remove");
}
