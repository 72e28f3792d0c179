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

/// Two transactions of one tenant make rows of two resources in opposite order.
async fn crossed(fixture: &Fixture) -> Vec<String> {
    let (one, two) = (fixture.admin().await, fixture.admin().await);
    let (note, file) = ("INSERT INTO note (team_id) VALUES (1)", "INSERT INTO file (team_id, bytes) VALUES (1, 1)");
    for client in [&one, &two] {
        // a wait becomes an answer
        client.batch_execute("SET lock_timeout = '1s'; BEGIN").await.unwrap();
    }
    let mut said = Vec::new();
    for (client, sql) in [(&one, note), (&two, file), (&one, file), (&two, note)] {
        said.push(match client.batch_execute(sql).await {
            Ok(()) => "ok".to_owned(),
            refused => code(refused),
        });
    }
    for client in [&one, &two] {
        client.batch_execute("ROLLBACK").await.unwrap();
    }
    said
}

#[tokio::test]
async fn without_a_limit_and_with_split_counters_no_writer_waits_for_another() {
    let fixture = Fixture::new("waits").await;
    let client = fixture.admin().await;
    for resource in ["notes", "bytes"] {
        fixture.limit(&client, 1, resource, None).await;
    }
    assert_eq!(crossed(&fixture).await, ["ok", "ok", "ok", "ok"]);
    for resource in ["notes", "bytes"] {
        fixture.limit(&client, 1, resource, Some(1_000_000)).await;
    }
    assert_eq!(crossed(&fixture).await[2], "55P03", "one counter is one row, which this test could see");
    // every connection has a share of its own
    for resource in ["notes", "bytes"] {
        client.execute("SELECT tenantry.quota_set_hot(1, $1, 256)", &[&resource]).await.unwrap();
        let grant = "UPDATE tenantry.quota_shard SET granted = 1000 WHERE tenant = 1 AND resource = $1";
        client.execute(grant, &[&resource]).await.unwrap();
        let lend = "UPDATE tenantry.quota SET lent = 256000 WHERE tenant = 1 AND resource = $1";
        client.execute(lend, &[&resource]).await.unwrap();
    }
    assert_eq!(crossed(&fixture).await, ["ok", "ok", "ok", "ok"]);
    fixture.is_exact(&client).await;
}

#[tokio::test]
async fn a_stricter_isolation_is_refused_rather_than_wrong() {
    let fixture = Fixture::new("strict").await;
    let client = fixture.admin().await;
    fixture.limit(&client, 1, "notes", Some(6)).await;
    let other = fixture.admin().await;
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        other.batch_execute(&format!("BEGIN ISOLATION LEVEL {level}; SELECT count(*) FROM note")).await.unwrap();
        client.batch_execute("INSERT INTO note (team_id, code) VALUES (1, 'last')").await.unwrap();
        assert_eq!(code(other.batch_execute("INSERT INTO note (team_id) VALUES (1)").await), "40001", "{level}");
        other.batch_execute("ROLLBACK").await.unwrap();
        client.batch_execute("DELETE FROM note WHERE code = 'last'").await.unwrap();
        // alone it works as ever
        other
            .batch_execute(&format!("BEGIN ISOLATION LEVEL {level}; INSERT INTO note (team_id) VALUES (1)"))
            .await
            .unwrap();
        assert_eq!(code(other.batch_execute("INSERT INTO note (team_id) VALUES (1)").await), "53400", "{level}");
        other.batch_execute("ROLLBACK").await.unwrap();
    }
    fixture.limit(&client, 1, "notes", None).await;
    other.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM note").await.unwrap();
    client.batch_execute("INSERT INTO note (team_id) VALUES (1)").await.unwrap();
    other.batch_execute("INSERT INTO note (team_id) VALUES (1); COMMIT").await.unwrap();
    fixture.is_exact(&client).await;
}
