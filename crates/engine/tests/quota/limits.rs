//! Limits: when they begin, what changes them, and what they never do.

use tenantry_blueprint::drift::{Protection, compare};
use tenantry_engine::apply::{self, Silent};
use tenantry_engine::inspect;

use crate::fixture::{Fixture, Until, code};

const ONE: &str = "INSERT INTO note (team_id) VALUES (1)";

#[tokio::test]
async fn apply_refuses_no_insert_and_complete_sets_the_defaults() {
    let fixture = Fixture::until("defaults", Until::Applied).await;
    let client = fixture.admin().await;
    client.batch_execute("INSERT INTO note (team_id) SELECT 1 FROM generate_series(1, 150)").await.unwrap();
    fixture.limit(&client, 2, "notes", Some(7)).await;
    fixture.limit(&client, 3, "notes", None).await;
    apply::complete(&fixture.target, &fixture.options, &Silent).await.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(code(client.batch_execute(ONE).await), "53400", "155 of 100");
    client.batch_execute("INSERT INTO note (team_id) VALUES (3); DELETE FROM note WHERE team_id = 1").await.unwrap();
    client.batch_execute("INSERT INTO note (team_id) SELECT 1 FROM generate_series(1, 100)").await.unwrap();
    assert_eq!(code(client.batch_execute(ONE).await), "53400");
    assert_eq!(
        code(client.batch_execute("INSERT INTO note (team_id) VALUES (2), (2), (2)").await),
        "53400",
        "5 of a chosen 7"
    );
    client.batch_execute("INSERT INTO note (team_id) SELECT 3 FROM generate_series(1, 200)").await.unwrap();
    // a tenant nobody had seen before
    assert_eq!(
        code(client.batch_execute("INSERT INTO note (team_id) SELECT 17 FROM generate_series(1, 101)").await),
        "53400"
    );
    client.execute("SELECT tenantry.quota_reset_limit(2, 'notes')", &[]).await.unwrap();
    client.batch_execute("INSERT INTO note (team_id) SELECT 2 FROM generate_series(1, 95)").await.unwrap();
    assert_eq!(code(client.batch_execute("INSERT INTO note (team_id) VALUES (2)").await), "53400");
    fixture.is_exact(&client).await;
}

#[tokio::test]
async fn a_lower_limit_takes_nothing_and_gives_nothing() {
    let fixture = Fixture::new("lower").await;
    let client = fixture.admin().await;
    fixture.limit(&client, 1, "notes", Some(2)).await;
    assert_eq!(fixture.used(&client, 1, "notes").await, 5);
    assert_eq!(code(client.batch_execute(ONE).await), "53400");
    client
        .batch_execute("UPDATE note SET code = 'same' WHERE id = 1; DELETE FROM note WHERE id IN (2, 3, 4)")
        .await
        .unwrap();
    assert_eq!(code(client.batch_execute(ONE).await), "53400", "2 of 2");
    // what was thrown away softly is charged when it comes back
    assert_eq!(code(client.batch_execute("UPDATE note SET \"archivedAt\" = NULL WHERE team_id = 1").await), "53400");
    client
        .batch_execute("DELETE FROM note WHERE id = 5; UPDATE note SET \"archivedAt\" = NULL WHERE code = 'old1'")
        .await
        .unwrap();
    // what moves is charged where it comes to
    client.batch_execute("INSERT INTO note (team_id, code) VALUES (2, 'moves')").await.unwrap();
    assert_eq!(code(client.batch_execute("UPDATE note SET team_id = 1 WHERE code = 'moves'").await), "53400");
    fixture.is_exact(&client).await;
}

#[tokio::test]
async fn grace_ends_by_itself() {
    let fixture = Fixture::new("grace").await;
    let client = fixture.admin().await;
    fixture.limit(&client, 1, "notes", Some(5)).await;
    assert_eq!(code(client.batch_execute(ONE).await), "53400");
    client.batch_execute("SELECT tenantry.quota_set_grace(1, 'notes', 20, now() + interval '1 hour')").await.unwrap();
    client.batch_execute(ONE).await.unwrap();
    assert_eq!(code(client.batch_execute(ONE).await), "53400", "20 percent of five is one");
    fixture.limit(&client, 1, "notes", Some(10)).await;
    client.batch_execute("INSERT INTO note (team_id) SELECT 1 FROM generate_series(1, 6)").await.unwrap();
    client.batch_execute("DELETE FROM note WHERE id = 1; SELECT tenantry.quota_set_grace(1, 'notes', 20, now() - interval '1 second')").await.unwrap();
    assert_eq!(code(client.batch_execute(ONE).await), "53400");
    for (percent, until) in [("0", "now()"), ("101", "now()"), ("10", "NULL"), ("NULL", "now()")] {
        let sql = format!("SELECT tenantry.quota_set_grace(1, 'notes', {percent}, {until})");
        assert_eq!(code(client.batch_execute(&sql).await), "22023", "{sql}");
    }
}

#[tokio::test]
async fn numbers_that_are_none_are_refused() {
    let fixture = Fixture::new("numbers").await;
    let client = fixture.admin().await;
    for sql in [
        "SELECT tenantry.quota_set_limit(1, 'notes', -1)",
        "SELECT tenantry.quota_set_limit(1, 'notes', 9223372036854775807)",
        "SELECT tenantry.quota_set_limit(NULL, 'notes', 1)",
        "SELECT tenantry.quota_set_limit(1, 'nothing', 1)",
        "SELECT tenantry.quota_set_limit(1, 'notes', 10, 1)",
        "SELECT tenantry.quota_set_limit(1, 'notes', NULL, 2)",
        "SELECT tenantry.quota_reserve(1, 'notes', 0, '1 hour')",
        "SELECT tenantry.quota_reserve(1, 'notes', -100, '1 hour')",
        "SELECT tenantry.quota_reserve(1, 'notes', 9223372036854775807, '1 hour')",
        "SELECT tenantry.quota_reserve(1, 'notes', NULL, '1 hour')",
        "SELECT tenantry.quota_reserve(1, 'notes', 1, '-1 hour')",
        "SELECT tenantry.quota_reserve(1, 'notes', 1, '2 days')",
        "SELECT tenantry.quota_set_hot(1, 'notes', -1)",
        "SELECT tenantry.quota_set_hot(1, 'notes', 100000)",
        "SELECT tenantry.quota_set_hot(1, 'notes', NULL)",
    ] {
        assert_eq!(code(client.batch_execute(sql).await), "22023", "{sql}");
    }
    let other = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT tenantry.quota_set_limit(1, 'notes', 10)";
    assert_eq!(code(client.batch_execute(other).await), "25001");
    client.batch_execute("ROLLBACK").await.unwrap();
    fixture.limit(&client, 1, "notes", Some(1_000_000_000_000_000_000)).await;
    client.batch_execute("SELECT tenantry.quota_set_grace(1, 'notes', 100, now() + interval '1 hour')").await.unwrap();
    client.batch_execute(ONE).await.unwrap();
}

#[tokio::test]
async fn a_guard_that_is_gone_or_changed_is_drift() {
    let fixture = Fixture::new("drift").await;
    let client = fixture.admin().await;
    let wall = async || Protection::of(&inspect::read(&client).await.unwrap(), &fixture.blueprint);
    let was = wall().await;
    assert_eq!(compare(&was, &wall().await), vec![]);
    let said = async || {
        let found = compare(&was, &wall().await);
        found.iter().map(|f| format!("{} {}", f.object, f.message)).collect::<Vec<_>>()
    };
    client.batch_execute("ALTER TABLE note DISABLE TRIGGER tenantry_quota_notes_insert").await.unwrap();
    assert_eq!(
        said().await,
        ["public.note the guard tenantry_quota_notes_insert is gone or switched off: rows are not counted"]
    );
    client.batch_execute("ALTER TABLE note ENABLE TRIGGER tenantry_quota_notes_insert; DROP TRIGGER tenantry_quota_visits_truncate ON visit_2025_web").await.unwrap();
    assert_eq!(
        said().await,
        [
            "public.visit_2025_web the guard tenantry_quota_visits_truncate is gone or switched off: rows are not counted"
        ]
    );
    client
        .batch_execute("CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE OR REPLACE TRIGGER tenantry_quota_lines_delete AFTER DELETE ON line FOR EACH STATEMENT EXECUTE FUNCTION nothing()")
        .await
        .unwrap();
    assert_eq!(said().await[0], "public.line the guard tenantry_quota_lines_delete was changed");
}
