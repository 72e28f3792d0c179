//! Room that is kept for work that comes later.

use crate::fixture::{Fixture, code};

const LEFT: &str = "SELECT bound - used - reserved FROM tenantry.quota_usage(1) WHERE resource = 'notes'";

#[tokio::test]
async fn what_is_reserved_is_used_once_and_by_nobody_else() {
    let fixture = Fixture::new("reserve").await;
    let client = fixture.admin().await;
    fixture.limit(&client, 1, "notes", Some(8)).await;
    let id: uuid::Uuid =
        client.query_one("SELECT tenantry.quota_reserve(1, 'notes', 3, '1 hour')", &[]).await.unwrap().get(0);
    let mut app = fixture.runtime().await;
    app.begin(1).await;
    assert_eq!(code(app.client.batch_execute("INSERT INTO note (code) VALUES ('a')").await), "53400");
    app.client.batch_execute("ROLLBACK").await.unwrap();
    // another tenant cannot use it, and does not learn that it is there
    app.begin(2).await;
    for wrong in [id, uuid::Uuid::nil()] {
        let used: bool = app.client.query_one("SELECT tenantry.use_reservation($1)", &[&wrong]).await.unwrap().get(0);
        assert!(!used);
    }
    app.client.batch_execute("ROLLBACK").await.unwrap();
    // what is rolled back is reserved again
    for ending in ["ROLLBACK", "COMMIT"] {
        app.begin(1).await;
        let used: bool = app.client.query_one("SELECT tenantry.use_reservation($1)", &[&id]).await.unwrap().get(0);
        assert!(used);
        app.client.batch_execute("INSERT INTO note (code) VALUES ('a'), ('b'), ('c')").await.unwrap();
        app.client.batch_execute(ending).await.unwrap();
    }
    app.begin(1).await;
    let again: bool = app.client.query_one("SELECT tenantry.use_reservation($1)", &[&id]).await.unwrap().get(0);
    assert!(!again);
    app.client.batch_execute("ROLLBACK").await.unwrap();
    let left: i64 = client.query_one(LEFT, &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
    fixture.is_exact(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_of_a_reservation_is_not_taken_between_its_end_and_its_rows() {
    let fixture = Fixture::new("between").await;
    let client = fixture.admin().await;
    fixture.limit(&client, 1, "notes", Some(6)).await;
    let id: uuid::Uuid =
        client.query_one("SELECT tenantry.quota_reserve(1, 'notes', 1, '1 hour')", &[]).await.unwrap().get(0);
    let mut app = fixture.runtime().await;
    app.begin(1).await;
    app.client.query_one("SELECT tenantry.use_reservation($1)", &[&id]).await.unwrap();
    let mut thief = fixture.runtime().await;
    thief.begin(1).await;
    let theft =
        tokio::spawn(async move { code(thief.client.batch_execute("INSERT INTO note (code) VALUES ('thief')").await) });
    // the thief waits for the row
    loop {
        let sql =
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        if client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) > 0 {
            break;
        }
    }
    app.client.batch_execute("INSERT INTO note (code) VALUES ('mine'); COMMIT").await.unwrap();
    assert_eq!(theft.await.unwrap(), "53400");
    fixture.is_exact(&client).await;
}

#[tokio::test]
async fn reservations_end_once_by_release_commit_expiry_and_sweep() {
    let fixture = Fixture::new("release").await;
    let client = fixture.admin().await;
    fixture.limit(&client, 1, "notes", Some(10)).await;
    let reserve = async |units: i64| -> uuid::Uuid {
        client.query_one("SELECT tenantry.quota_reserve(1, 'notes', $1, '1 hour')", &[&units]).await.unwrap().get(0)
    };
    let left = async || -> i64 { client.query_one(LEFT, &[]).await.unwrap().get(0) };
    let (a, b, c) = (reserve(1).await, reserve(1).await, reserve(1).await);
    assert_eq!(left().await, 2);
    let end = async |function: &str, tenant: i64, id: uuid::Uuid| -> bool {
        client.query_one(&format!("SELECT tenantry.quota_{function}($1, $2)"), &[&tenant, &id]).await.unwrap().get(0)
    };
    assert!(!end("release", 2, a).await, "another tenant's");
    assert!(end("release", 1, a).await);
    assert!(!end("release", 1, a).await, "a second time");
    assert!(end("commit", 1, b).await);
    assert_eq!(left().await, 4);
    client.batch_execute("UPDATE tenantry.quota_reservation SET expires_at = now()").await.unwrap();
    assert!(!end("commit", 1, c).await, "too late");
    assert_eq!(left().await, 5);
    // whoever needs the room finds what has expired, without a sweep
    reserve(5).await;
    client.batch_execute("UPDATE tenantry.quota_reservation SET expires_at = now()").await.unwrap();
    client.batch_execute("INSERT INTO note (team_id) VALUES (1)").await.unwrap();
    reserve(4).await;
    client.batch_execute("UPDATE tenantry.quota_reservation SET expires_at = now()").await.unwrap();
    client.batch_execute("INSERT INTO note (team_id) VALUES (11), (12)").await.unwrap();
    let swept = client.query_one("SELECT expired FROM tenantry.quota_sweep()", &[]).await.unwrap();
    assert_eq!(swept.get::<_, i64>(0), 1);
    assert_eq!(left().await, 4);
    // without a limit, and for a tenant nobody has seen
    fixture.limit(&client, 1, "notes", None).await;
    let d = reserve(1000).await;
    fixture.limit(&client, 1, "notes", Some(1010)).await;
    assert_eq!(left().await, 4);
    assert!(end("release", 1, d).await);
    let e: uuid::Uuid =
        client.query_one("SELECT tenantry.quota_reserve(18, 'bytes', 7, '1 hour')", &[]).await.unwrap().get(0);
    assert!(end("commit", 18, e).await);
    fixture.is_exact(&client).await;
}
