//! Who may do what: the control plane's group sets limits, the application learns of itself, everybody else nothing.

use crate::fixture::{Fixture, code, plain};

/// Every call of the control plane.
const CALLS: &[&str] = &[
    "SELECT tenantry.quota_set_limit(2, 'notes', 1000)",
    "SELECT tenantry.quota_reset_limit(2, 'notes')",
    "SELECT tenantry.quota_set_grace(2, 'notes', 10, now())",
    "SELECT tenantry.quota_set_hot(2, 'notes', 0)",
    "SELECT tenantry.quota_reserve(2, 'notes', 1, '1 hour')",
    "SELECT tenantry.quota_commit(2, gen_random_uuid())",
    "SELECT tenantry.quota_release(2, gen_random_uuid())",
    "SELECT * FROM tenantry.quota_usage(2)",
    "SELECT * FROM tenantry.quota_usage()",
    "SELECT * FROM tenantry.quota_resources()",
    "SELECT * FROM tenantry.quota_recalculate(2)",
    "SELECT * FROM tenantry.quota_sweep()",
];

/// What nobody calls.
const INSIDE: &[&str] = &[
    "SELECT tenantry.quota_charge('notes', 2, '-infinity', -100)",
    "SELECT tenantry.quota_take('notes', 2, '-infinity', -100)",
    "SELECT tenantry.quota_fold('notes', 2, 100)",
    "SELECT tenantry.quota_settle('notes', 2)",
    "SELECT tenantry.quota_apply_default('notes', 1000)",
    "SELECT tenantry.quota_end_reservation(2, gen_random_uuid())",
    "SELECT tenantry.quota_count_notes(2)",
    "SELECT * FROM tenantry.quota",
    "SELECT * FROM tenantry.quota_delta",
    "SELECT * FROM tenantry.quota_shard",
    "SELECT * FROM tenantry.quota_reservation",
    "SELECT * FROM tenantry.quota_resource",
    "UPDATE tenantry.quota SET max_units = NULL",
    "DELETE FROM tenantry.quota",
    "INSERT INTO tenantry.quota_delta VALUES (1, 'notes', '-infinity', -100)",
];

#[tokio::test]
async fn the_application_reaches_no_limit_and_no_counter() {
    let fixture = Fixture::new("reach").await;
    let mut app = fixture.runtime().await;
    for sql in CALLS.iter().chain(INSIDE) {
        app.begin(1).await;
        assert_eq!(code(app.client.batch_execute(sql).await), "42501", "{sql}");
        app.client.batch_execute("ROLLBACK").await.unwrap();
    }
    assert_eq!(
        code(app.client.batch_execute("SELECT * FROM tenantry.quota_mine()").await),
        "42501",
        "without a tenant"
    );
    assert_eq!(code(app.client.batch_execute("SELECT tenantry.use_reservation(gen_random_uuid())").await), "42501");
    // nor does it make a guard of its own table
    app.begin(1).await;
    let spy = "CREATE TABLE public.x (team_id bigint); CREATE TRIGGER t AFTER INSERT ON public.x REFERENCING NEW TABLE AS tenantry_new FOR EACH STATEMENT EXECUTE FUNCTION tenantry.quota_guard_notes()";
    assert_eq!(code(app.client.batch_execute(spy).await), "42501");
}

#[tokio::test]
async fn the_control_planes_group_does_its_work_and_no_more() {
    let fixture = Fixture::new("control").await;
    let client = fixture.admin().await;
    let group = fixture.blueprint.roles.quota.as_ref().unwrap().quoted();
    let login = fixture.database().login("control", &format!("IN ROLE {group}")).await;
    let control = plain(&login).await;
    for sql in CALLS {
        control.batch_execute(sql).await.unwrap_or_else(|e| panic!("{sql}: {}", tenantry_pg::in_plain_words(&e)));
    }
    for sql in INSIDE.iter().chain(&[
        "SELECT * FROM public.note",
        "SELECT * FROM tenantry.signing_key",
        "SELECT tenantry.use_reservation(gen_random_uuid())",
    ]) {
        assert_eq!(code(control.batch_execute(sql).await), "42501", "{sql}");
    }
    control.close().await;
    fixture.is_exact(&client).await;
}
