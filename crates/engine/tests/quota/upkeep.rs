//! Counting again, adding up, and counters that are split: with writers going on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::fixture::{Fixture, Runtime, code};

/// Writers of tenant 1 until they are told to end; each gives how many transactions it made.
async fn writers(fixture: &Arc<Fixture>, count: i64, end: &Arc<AtomicBool>) -> Vec<tokio::task::JoinHandle<u32>> {
    let mut out = Vec::new();
    for n in 0..count {
        let mut app: Runtime = fixture.runtime().await;
        let end = Arc::clone(end);
        out.push(tokio::spawn(async move {
            let mut done = 0;
            while !end.load(Ordering::Relaxed) {
                app.begin(1).await;
                let remove = format!("DELETE FROM note WHERE id = (SELECT id FROM note WHERE id % {count} = {n} AND code IS NULL ORDER BY id LIMIT 1)");
                let ending = if done % 7 == 0 { "ROLLBACK" } else { "COMMIT" };
                let sql = format!("INSERT INTO note (list_id) VALUES (NULL), (NULL); {remove}; {ending}");
                match app.client.batch_execute(&sql).await {
                    Ok(()) => {}
                    refused => {
                        assert_eq!(code(refused), "53400");
                        app.client.batch_execute("ROLLBACK").await.unwrap();
                    }
                }
                done += 1;
            }
            done
        }));
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn counting_again_is_exact_with_writers_going_on() {
    let fixture = Arc::new(Fixture::new("again").await);
    let client = fixture.admin().await;
    for (max, hot) in [(None, 0), (Some(1_000_000), 0), (Some(1_000_000), 3)] {
        fixture.limit(&client, 1, "notes", max).await;
        client.execute("SELECT tenantry.quota_set_hot(1, 'notes', $1)", &[&hot]).await.unwrap();
        let end = Arc::new(AtomicBool::new(false));
        let all = writers(&fixture, 4, &end).await;
        for round in 0..12 {
            // somebody was at the counter; counting again sets it right
            let drift = "UPDATE tenantry.quota SET used = used + 1000 WHERE tenant = 1 AND resource = 'notes'";
            client.batch_execute(drift).await.unwrap();
            let row = client
                .query_one("SELECT was - counted FROM tenantry.quota_recalculate(1, 'notes')", &[])
                .await
                .unwrap();
            assert_eq!(row.get::<_, i64>(0), 1000, "round {round}, limit {max:?}, {hot} shards");
            fixture.is_exact(&client).await;
        }
        end.store(true, Ordering::Relaxed);
        for writer in all {
            assert!(writer.await.unwrap() > 0);
        }
        fixture.is_exact(&client).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn splitting_and_joining_a_counter_changes_no_number() {
    let fixture = Arc::new(Fixture::new("split").await);
    let client = fixture.admin().await;
    fixture.limit(&client, 1, "notes", Some(300)).await;
    let end = Arc::new(AtomicBool::new(false));
    let all = writers(&fixture, 6, &end).await;
    for round in 0..30 {
        let shards = [8, 0, 3, 64][round % 4];
        client.execute("SELECT tenantry.quota_set_hot(1, 'notes', $1)", &[&shards]).await.unwrap();
        fixture.limit(&client, 1, "notes", [Some(300), Some(250), None][round % 3]).await;
        fixture.is_exact(&client).await;
    }
    end.store(true, Ordering::Relaxed);
    for writer in all {
        assert!(writer.await.unwrap() > 0);
    }
    fixture.is_exact(&client).await;
}

#[tokio::test]
async fn a_split_counter_gives_out_every_unit_to_one_writer() {
    let fixture = Fixture::new("lastunit").await;
    let client = fixture.admin().await;
    fixture.limit(&client, 1, "notes", Some(5_005)).await;
    client.batch_execute("SELECT tenantry.quota_set_hot(1, 'notes', 16)").await.unwrap();
    // other connections take shares and go away
    for _ in 0..10 {
        fixture.admin().await.batch_execute("INSERT INTO note (team_id) VALUES (1)").await.unwrap();
    }
    client.batch_execute("INSERT INTO note (team_id) SELECT 1 FROM generate_series(1, 4990)").await.unwrap();
    assert_eq!(code(client.batch_execute("INSERT INTO note (team_id) VALUES (1)").await), "53400");
    client.batch_execute("DELETE FROM note WHERE id = 1; INSERT INTO note (team_id) VALUES (1)").await.unwrap();
    assert_eq!(code(client.batch_execute("INSERT INTO note (team_id) VALUES (1)").await), "53400");
    fixture.is_exact(&client).await;
}

#[tokio::test]
async fn what_is_written_down_is_added_up_now_and_then_and_by_a_sweep() {
    let fixture = Fixture::new("fold").await;
    let client = fixture.admin().await;
    fixture.limit(&client, 1, "notes", None).await;
    let notes = "SELECT count(*) FROM tenantry.quota_delta WHERE tenant = 1 AND resource = 'notes'";
    for _ in 0..2_000 {
        client.batch_execute("INSERT INTO note (team_id) VALUES (1)").await.unwrap();
    }
    let lying: i64 = client.query_one(notes, &[]).await.unwrap().get(0);
    assert!(lying < 2_000, "in 2000 charges one in a hundred adds up");
    fixture.is_exact(&client).await;
    client.batch_execute("INSERT INTO note (team_id) VALUES (1)").await.unwrap();
    client.batch_execute("SELECT * FROM tenantry.quota_sweep(); SELECT * FROM tenantry.quota_sweep()").await.unwrap();
    let lying: i64 = client.query_one("SELECT count(*) FROM tenantry.quota_delta", &[]).await.unwrap().get(0);
    assert_eq!(lying, 0);
    fixture.is_exact(&client).await;
}
