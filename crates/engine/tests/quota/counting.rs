//! Usage is the rows that are there, whatever statement made or removed them.

use tenantry_engine::apply::{self, Silent};
use tenantry_pg::in_plain_words;
use tenantry_pg::tokio_postgres::SimpleQueryMessage;
use tenantry_testkit::{Restartable, available, dump, dump_roles, postgres};

use crate::fixture::{Fixture, SCHEMA, Until, code, plain};

/// Statements of every kind; after each of them the books must balance.
const STATEMENTS: &[&str] = &[
    "INSERT INTO note (team_id, code) VALUES (1, 'n1'), (2, 'n2'), (3, 'n3')",
    "INSERT INTO note (team_id) SELECT 4 FROM generate_series(1, 40)",
    "WITH w AS (INSERT INTO note (team_id, code) VALUES (1, 'w') RETURNING id) INSERT INTO line (note_id) SELECT id FROM w",
    "INSERT INTO note (team_id, code) VALUES (1, 'n1'), (1, 'x1') ON CONFLICT DO NOTHING",
    "INSERT INTO note (team_id, code) VALUES (1, 'n1'), (1, 'x2') ON CONFLICT (team_id, code) DO UPDATE SET code = EXCLUDED.code",
    "INSERT INTO note (team_id, code) VALUES (1, 'n1'), (2, 'y') ON CONFLICT (team_id, code) DO UPDATE SET \"archivedAt\" = now()",
    "MERGE INTO note n USING (VALUES (1, 'm'), (1, 'c1'), (2, 'c1')) v(t, c) ON n.team_id = v.t AND n.code = v.c
       WHEN MATCHED AND v.t = 1 THEN UPDATE SET \"archivedAt\" = now() WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (team_id, code) VALUES (v.t, v.c)",
    "UPDATE note SET \"archivedAt\" = now() WHERE team_id = 1 AND code LIKE 'c%'",
    "UPDATE note SET \"archivedAt\" = NULL WHERE team_id = 1",
    "UPDATE note SET team_id = 5 WHERE team_id = 4 AND id % 2 = 0",
    "UPDATE note SET team_id = CASE team_id WHEN 4 THEN 5 ELSE 4 END WHERE team_id IN (4, 5)",
    "UPDATE note SET code = code || '.' WHERE code IS NOT NULL",
    "DELETE FROM note WHERE team_id = 4 AND id % 3 = 0",
    "DELETE FROM list WHERE id = 1",
    "DELETE FROM team WHERE id = 3",
    "INSERT INTO file (team_id, bytes) VALUES (2, 9223372036854775807), (2, 5), (5, -9223372036854775808), (6, NULL)",
    "DELETE FROM file WHERE bytes > 9000000000000000000",
    "UPDATE file SET bytes = bytes + 1000, team_id = 6 WHERE team_id = 2",
    "UPDATE file SET bytes = NULL WHERE id % 2 = 0",
    "INSERT INTO visit SELECT n, 7, 2024 + n % 2, CASE n % 4 WHEN 1 THEN 'app' ELSE 'web' END FROM generate_series(100, 140) n",
    "INSERT INTO visit_2024 VALUES (500, 7, 2024), (501, 8, 2024)",
    "INSERT INTO visit_2025 VALUES (502, 7, 2025, 'app'), (503, 8, 2025, 'web')",
    "INSERT INTO visit_2025_web VALUES (504, 7, 2025, 'web')",
    "UPDATE visit SET year = CASE year WHEN 2024 THEN 2025 ELSE 2024 END WHERE id BETWEEN 100 AND 120",
    "UPDATE visit SET year = 2024, team_id = 9 WHERE id BETWEEN 121 AND 130",
    "UPDATE visit_2025 SET kind = 'web' WHERE kind = 'app' AND id > 10",
    "DELETE FROM visit WHERE id % 5 = 0",
    "DELETE FROM visit_2025_web WHERE id % 7 = 0",
    "TRUNCATE visit_2025",
    "TRUNCATE line",
    "TRUNCATE visit",
    "INSERT INTO line (note_id) SELECT id FROM note",
    "TRUNCATE ONLY file",
    "TRUNCATE note CASCADE",
    "DELETE FROM team WHERE id BETWEEN 7 AND 10",
];

#[tokio::test]
async fn every_statement_leaves_usage_and_rows_equal() {
    for major in available() {
        let db = postgres(major).database("count").await;
        let fixture = Fixture::on(db.target(), Some(db), Until::Applied, SCHEMA).await;
        let client = fixture.admin().await;
        fixture.is_exact(&client).await;
        for tenant in 1..=10 {
            fixture.limit(&client, tenant, "notes", (tenant % 2 == 0).then_some(1_000)).await;
            fixture.limit(&client, tenant, "lines", Some(100_000)).await;
        }
        fixture.limit(&client, 2, "bytes", Some(1_000_000_000_000_000_000)).await;
        for sql in STATEMENTS {
            // a limit of 10^18 holds against 2^63
            let too_big = sql.contains("(2, 9223372036854775807)");
            match client.batch_execute(sql).await {
                Ok(()) => assert!(!too_big, "{sql}"),
                error if too_big => {
                    assert_eq!(code(error), "53400");
                    client.batch_execute(&sql.replace("(2, 9", "(3, 9")).await.unwrap_err();
                    client.batch_execute("INSERT INTO file (team_id, bytes) SELECT 5, 9223372036854775807 FROM generate_series(1, 3)").await.unwrap();
                    let used: String = client
                        .query_one("SELECT sum(used)::text FROM (SELECT used FROM tenantry.quota WHERE tenant = 5 AND resource = 'bytes' UNION ALL SELECT units FROM tenantry.quota_delta WHERE tenant = 5 AND resource = 'bytes') x", &[])
                        .await
                        .unwrap()
                        .get(0);
                    assert_eq!(used, "27670116110564327421", "{major}");
                    client.batch_execute("DELETE FROM file WHERE team_id = 5").await.unwrap();
                }
                Err(e) => panic!("{major}: {sql}: {}", in_plain_words(&e)),
            }
            fixture.is_exact(&client).await;
            // the same, taken back: by a savepoint, and by the transaction
            let twice = format!("BEGIN; SAVEPOINT s; {sql}; ROLLBACK TO s; COMMIT; BEGIN; {sql}; ROLLBACK");
            if client.batch_execute(&twice).await.is_err() {
                client.batch_execute("ROLLBACK").await.unwrap();
            }
            fixture.is_exact(&client).await;
        }
    }
}

#[tokio::test]
async fn copy_is_counted_and_limited() {
    let fixture = Fixture::new("copy").await;
    let client = fixture.admin().await;
    let copy = async |rows: usize| {
        use futures::SinkExt;
        let sink = client.copy_in::<_, bytes_of::Bytes>("COPY note (team_id, code) FROM STDIN").await.unwrap();
        let mut sink = std::pin::pin!(sink);
        let text: String = (0..rows).map(|n| format!("9\tcopied{n}\n")).collect();
        sink.send(bytes_of::bytes(text)).await.unwrap();
        sink.finish().await
    };
    assert_eq!(copy(100).await.unwrap(), 100);
    fixture.is_exact(&client).await;
    client.batch_execute("DELETE FROM note WHERE team_id = 9 AND code = 'copied7'").await.unwrap();
    client.batch_execute("UPDATE note SET code = NULL WHERE team_id = 9").await.unwrap();
    assert_eq!(code(copy(2).await), "53400");
    assert_eq!(copy(1).await.unwrap(), 1);
    fixture.is_exact(&client).await;
}

/// The buffer that the driver's COPY takes, without a dependency of its own.
mod bytes_of {
    pub(super) type Bytes = std::io::Cursor<Vec<u8>>;
    pub(super) fn bytes(text: String) -> Bytes {
        std::io::Cursor::new(text.into_bytes())
    }
}

#[tokio::test]
async fn a_refusal_says_what_and_what_to_do_and_nothing_of_others() {
    let fixture = Fixture::new("refusal").await;
    let client = fixture.admin().await;
    fixture.limit(&client, 1, "notes", Some(6)).await;
    let mut app = fixture.runtime().await;
    app.begin(1).await;
    app.client.batch_execute("INSERT INTO note (code) VALUES ('six')").await.unwrap();
    let error = app.client.batch_execute("INSERT INTO note (code) VALUES ('seven'), ('eight')").await.unwrap_err();
    let said = error.as_db_error().unwrap();
    assert_eq!(said.code().code(), "53400");
    assert_eq!(said.message(), "tenantry: the quota of notes is used up");
    assert_eq!(said.detail(), Some("limit 6, used 6, reserved or given on 0, requested 2"));
    assert!(said.hint().is_some_and(|h| h.contains("docs/errors/quota-exceeded.md")));
    app.client.batch_execute("ROLLBACK").await.unwrap();
    app.begin(1).await;
    let row = app
        .client
        .query_one("SELECT used, max_units, remaining FROM tenantry.quota_mine() WHERE resource = 'notes'", &[])
        .await
        .unwrap();
    assert_eq!(
        (row.get::<_, i64>(0), row.get::<_, Option<i64>>(1), row.get::<_, Option<i64>>(2)),
        (5, Some(6), Some(1))
    );
    let row = app
        .client
        .query_one("SELECT used, remaining FROM tenantry.quota_mine() WHERE resource = 'bytes'", &[])
        .await
        .unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, Option<i64>>(1)), (100, None));
    app.client.batch_execute("ROLLBACK").await.unwrap();
    fixture.is_exact(&client).await;
}

#[tokio::test]
async fn a_month_counts_what_came_and_gives_nothing_back() {
    let fixture = Fixture::new("month").await;
    let client = fixture.admin().await;
    assert_eq!(fixture.used(&client, 1, "messages").await, 0, "what came before is of no known month");
    client
        .batch_execute("INSERT INTO message (team_id) VALUES (1), (1); DELETE FROM message WHERE team_id = 1")
        .await
        .unwrap();
    assert_eq!(fixture.used(&client, 1, "messages").await, 2);
    client.batch_execute("UPDATE message SET team_id = 1; INSERT INTO message (team_id) VALUES (1)").await.unwrap();
    assert_eq!(code(client.batch_execute("INSERT INTO message (team_id) VALUES (1)").await), "53400");
    // a month later, as far as the counter knows
    client
        .batch_execute(
            "UPDATE tenantry.quota SET period = period - interval '1 month' WHERE tenant = 1 AND resource = 'messages'",
        )
        .await
        .unwrap();
    assert_eq!(fixture.used(&client, 1, "messages").await, 0);
    client.batch_execute("INSERT INTO message (team_id) VALUES (1), (1), (1)").await.unwrap();
    assert_eq!(code(client.batch_execute("INSERT INTO message (team_id) VALUES (1)").await), "53400");
    // a clock that went back does not open the old month again
    client
        .batch_execute(
            "UPDATE tenantry.quota SET period = period + interval '1 month' WHERE tenant = 1 AND resource = 'messages'",
        )
        .await
        .unwrap();
    assert_eq!(code(client.batch_execute("INSERT INTO message (team_id) VALUES (1)").await), "53400");
}

#[tokio::test]
async fn what_a_crash_takes_from_the_rows_it_takes_from_the_usage() {
    let mut server = Restartable::start(15);
    let fixture = Fixture::on(server.target(), None, Until::Completed, SCHEMA).await;
    let client = fixture.admin().await;
    for tenant in 1..=9 {
        fixture.limit(&client, tenant, "notes", (tenant < 6).then_some(1_000_000)).await;
    }
    client.execute("SELECT tenantry.quota_set_hot(5, 'notes', 4)", &[]).await.unwrap();
    let mut writers = Vec::new();
    for n in 0..8_i64 {
        let target = fixture.target.clone();
        writers.push(tokio::spawn(async move {
            let client = plain(&target).await;
            let mut done = 0_u32;
            loop {
                let tenant = 1 + (n + i64::from(done)) % 9;
                let sql = format!("INSERT INTO note (team_id) SELECT {tenant} FROM generate_series(1, 3); DELETE FROM note WHERE id = (SELECT max(id) FROM note WHERE team_id = {tenant})");
                match client.batch_execute(&sql).await {
                    Ok(()) => done += 1,
                    Err(_) => return done,
                }
            }
        }));
    }
    loop {
        let rows: i64 = client.query_one("SELECT count(*) FROM note", &[]).await.unwrap().get(0);
        if rows > 500 {
            break;
        }
    }
    server.kill();
    for writer in writers {
        assert!(writer.await.unwrap() > 0);
    }
    server.start_again();
    let client = plain(&server.target()).await;
    let rows: i64 = client.query_one("SELECT count(*) FROM note", &[]).await.unwrap().get(0);
    assert!(rows > 100, "{rows}");
    fixture.is_exact(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_count_is_exact_with_writers_going_on() {
    let fixture = Fixture::until("seed", Until::Planned).await;
    let client = fixture.admin().await;
    client.batch_execute("INSERT INTO note (team_id) SELECT 1 + n % 9 FROM generate_series(1, 20000) n").await.unwrap();
    let (end, mut writers) = (std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)), Vec::new());
    for n in 0..6_i64 {
        let (target, end) = (fixture.target.clone(), end.clone());
        writers.push(tokio::spawn(async move {
            let client = plain(&target).await;
            // as many rows go as come, each found by its key: a table that grows for as long as it is waited for would
            // never be free for the steps that need it alone
            let (mut round, mut own) = (0, std::collections::VecDeque::new());
            while !end.load(std::sync::atomic::Ordering::Relaxed) {
                let t = 1 + (n + round) % 9;
                let made = format!("BEGIN; INSERT INTO note (team_id) VALUES ({t}), ({t}) RETURNING id");
                let made = client.simple_query(&made).await.unwrap_or_else(|e| panic!("{}", in_plain_words(&e)));
                let made: Vec<String> = made
                    .iter()
                    .filter_map(|m| if let SimpleQueryMessage::Row(row) = m { row.get(0) } else { None })
                    .map(str::to_owned)
                    .collect();
                let gone: Vec<String> = if own.len() > 20 { own.drain(..2).collect() } else { Vec::new() };
                let delete = gone.iter().map(|id| format!("DELETE FROM note WHERE id = {id}; ")).collect::<String>();
                let line = format!("INSERT INTO line (note_id) VALUES ({})", made[0]);
                let rolls_back = round % 5 == 0;
                let ending = if rolls_back { "ROLLBACK" } else { "COMMIT" };
                let rest = format!("{line}; {delete}{ending}");
                client.batch_execute(&rest).await.unwrap_or_else(|e| panic!("{rest}: {}", in_plain_words(&e)));
                own.extend(if rolls_back { gone } else { made });
                round += 1;
            }
            round
        }));
    }
    // writers go from note to line; a step that locked line first would meet one of them each time, for ever
    let options = apply::Options { lock_patience: std::time::Duration::from_secs(30), ..fixture.options.clone() };
    apply::apply(&fixture.target, &fixture.blueprint, &options, &Silent).await.unwrap_or_else(|e| panic!("{e}"));
    // a while with everything in place
    for _ in 0..20 {
        client.query_one("SELECT count(*) FROM note", &[]).await.unwrap();
    }
    end.store(true, std::sync::atomic::Ordering::Relaxed);
    for writer in writers {
        assert!(writer.await.unwrap() > 0);
    }
    fixture.is_exact(&client).await;
}

#[tokio::test]
async fn there_and_back_gives_the_exact_catalog() {
    for major in available() {
        let db = postgres(major).database("back").await;
        let client = db.connect_plain().await;
        client.batch_execute(SCHEMA).await.unwrap();
        client.close().await;
        let before = (dump(&db), dump_roles(&db));
        let fixture = Fixture::on(db.target(), None, Until::Completed, "").await;
        let client = fixture.admin().await;
        client.batch_execute("INSERT INTO note (team_id) VALUES (1)").await.unwrap();
        client.close().await;
        let outcome =
            apply::rollback(&fixture.target, &fixture.options, &Silent).await.unwrap_or_else(|e| panic!("{e}"));
        assert!(outcome.skipped.is_empty(), "{:?}", outcome.skipped);
        assert!((dump(&db), dump_roles(&db)) == before, "{major}: the dumps differ");
    }
}

#[tokio::test]
async fn an_administrator_who_is_no_superuser_gets_there_and_back() {
    for major in available() {
        let db = postgres(major).database("managed").await;
        let admin = db.login("admin", "CREATEROLE").await;
        let role = db.role("admin");
        db.execute(&format!(
            "ALTER DATABASE \"{}\" OWNER TO \"{role}\"; ALTER SCHEMA public OWNER TO \"{role}\"",
            db.name()
        ))
        .await;
        let client = plain(&admin).await;
        client.batch_execute(SCHEMA).await.unwrap();
        client.close().await;
        let before = (dump(&db), dump_roles(&db));
        let fixture = Fixture::on(admin, None, Until::Completed, "").await;
        let mut app = fixture.runtime().await;
        app.begin(1).await;
        app.client.batch_execute("INSERT INTO note (code) SELECT NULL FROM generate_series(1, 95)").await.unwrap();
        assert_eq!(code(app.client.batch_execute("INSERT INTO note (code) VALUES (NULL)").await), "53400", "{major}");
        app.client.batch_execute("ROLLBACK").await.unwrap();
        app.client.close().await;
        apply::rollback(&fixture.target, &fixture.options, &Silent).await.unwrap_or_else(|e| panic!("{major}: {e}"));
        assert!((dump(&db), dump_roles(&db)) == before, "{major}: the dumps differ");
    }
}
