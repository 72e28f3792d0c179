//! Many writers at once, and few units left.

use std::sync::Arc;

use tokio::sync::Barrier;

use crate::fixture::{Fixture, code};

/// Connections that race.
const RACERS: usize = 64;

/// Ten units are left; 64 want one each. `hot` splits the counter.
async fn ten_of_sixty_four(hint: &str, hot: i32) {
    let fixture = Arc::new(Fixture::new(hint).await);
    let client = fixture.admin().await;
    fixture.limit(&client, 1, "notes", Some(15)).await;
    client.execute("SELECT tenantry.quota_set_hot(1, 'notes', $1)", &[&hot]).await.unwrap();
    let barrier = Arc::new(Barrier::new(RACERS));
    let mut racers = Vec::new();
    for n in 0..RACERS {
        let (fixture, barrier) = (Arc::clone(&fixture), Arc::clone(&barrier));
        racers.push(tokio::spawn(async move {
            // one in four reserves, the others insert; some of these try twice, some roll back first
            if n % 4 == 3 {
                let client = fixture.admin().await;
                barrier.wait().await;
                let got = client.query_one("SELECT tenantry.quota_reserve(1, 'notes', 1, '1 hour')", &[]).await;
                return match got {
                    Ok(_) => 1,
                    refused => {
                        assert_eq!(code(refused), "53400");
                        0
                    }
                };
            }
            let mut app = fixture.runtime().await;
            barrier.wait().await;
            if n % 4 == 2 {
                app.begin(1).await;
                let _ = app.client.batch_execute("INSERT INTO note (code) VALUES (gen_random_uuid()::text)").await;
                app.client.batch_execute("ROLLBACK").await.unwrap();
            }
            app.begin(1).await;
            match app.client.batch_execute("INSERT INTO note (code) VALUES (gen_random_uuid()::text)").await {
                Ok(()) => {
                    app.client.batch_execute("COMMIT").await.unwrap();
                    1
                }
                refused => {
                    assert_eq!(code(refused), "53400");
                    app.client.batch_execute("ROLLBACK").await.unwrap();
                    0
                }
            }
        }));
    }
    let mut got = 0;
    for racer in racers {
        got += racer.await.unwrap();
    }
    let sql = "SELECT used + reserved FROM tenantry.quota_usage(1) WHERE resource = 'notes'";
    let mut taken: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(taken, 5 + got, "what was said and what is counted");
    if hot > 0 {
        // near the limit a charge may be refused for the sake of a share that an open transaction holds: what is left is there
        // for whoever comes next
        assert!(taken <= 15);
        let mut app = fixture.runtime().await;
        while taken < 15 {
            app.begin(1).await;
            app.client.batch_execute("INSERT INTO note (code) VALUES (gen_random_uuid()::text); COMMIT").await.unwrap();
            taken += 1;
        }
    }
    assert_eq!(taken, 15);
    let mut app = fixture.runtime().await;
    app.begin(1).await;
    assert_eq!(code(app.client.batch_execute("INSERT INTO note (code) VALUES ('one more')").await), "53400");
    fixture.is_exact(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_that_race_for_ten_units_ten_win() {
    ten_of_sixty_four("race", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_do_not_add_a_unit() {
    ten_of_sixty_four("racehot", 16).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_set_while_many_write_is_exact_from_then_on() {
    let fixture = Arc::new(Fixture::new("setrace").await);
    let client = fixture.admin().await;
    fixture.limit(&client, 2, "notes", None).await;
    let mut writers = Vec::new();
    for _ in 0..8 {
        let fixture = Arc::clone(&fixture);
        writers.push(tokio::spawn(async move {
            let mut app = fixture.runtime().await;
            loop {
                app.begin(2).await;
                match app.client.batch_execute("INSERT INTO note (code) VALUES (NULL); COMMIT").await {
                    Ok(()) => {}
                    refused => return code(refused),
                }
            }
        }));
    }
    loop {
        if fixture.used(&client, 2, "notes").await > 100 {
            break;
        }
    }
    fixture.limit(&client, 2, "notes", Some(400)).await;
    for writer in writers {
        assert_eq!(writer.await.unwrap(), "53400");
    }
    let used = fixture.used(&client, 2, "notes").await;
    assert!(used == 400 || used > 400 && used < 10_000, "{used}");
    fixture.is_exact(&client).await;
    // whoever was over it when it came stays, and gets no more
    let rows: i64 = client.query_one("SELECT count(*) FROM note WHERE team_id = 2", &[]).await.unwrap().get(0);
    assert_eq!(rows, used);
}
