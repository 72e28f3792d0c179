//! The ground is what it says: tenants see their own notes only, by hand and isolated, and all of them on the plain table.

use tenantry_bench::ground::{Ground, NOTES_PER_TENANT, Notes, Tenant};
use tenantry_bench::{Silent, options};
use tenantry_pg::{Session, connect_with};

#[tokio::test]
async fn notes_are_protected_as_they_say() {
    let major = *tenantry_testkit::available().first().expect("a PostgreSQL to test with");
    let target = tenantry_testkit::postgres(major).tcp_target();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = options(folder.path());
    let mut ground = Ground::create(&target, &options, &["reader"]).await.expect("a ground");
    Notes::fill(&mut ground, &options, 20, Some(4), &Silent).await.expect("notes");

    let login = &ground.logins[0];
    let reader = connect_with(&ground.target().with_login(&login.user, &login.password), &Session::plain()).await;
    let reader = reader.expect("a login");
    let set = format!("SELECT set_config('app.tenant_id', '{}', false)", Tenant::numbered(7).key);
    reader.batch_execute(&set).await.expect("a tenant");
    let seen = async |notes: Notes| {
        let count = format!("SELECT count(*), min(id), min(canary), max(canary) FROM {}", notes.table());
        let row = reader.query_one(&*count, &[]).await.expect("a count");
        (row.get::<_, i64>(0), row.get::<_, i64>(1) as u64, row.get::<_, i32>(2), row.get::<_, i32>(3))
    };
    let each = i64::from(NOTES_PER_TENANT);
    assert_eq!(seen(Notes::ByHand).await, (each, Notes::first_id(7), 7, 7));
    assert_eq!(seen(Notes::Plain).await, (20 * each, Notes::first_id(1), 1, 20));

    let isolated = "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = 'public.notes'::regclass";
    assert!(ground.admin().await.expect("an admin").query_one(isolated, &[]).await.expect("a look").get::<_, bool>(0));
    assert!(ground.credentials.as_ref().is_some_and(|c| c.exists()) && ground.tenants.len() == 20);
    reader.close().await;
    ground.drop().await.expect("no ground");
}
