//! An application that goes on writing while its database is isolated and given back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use tenantry_engine::apply::{self, Silent};
use tenantry_pg::{Session, Target, connect_with, in_plain_words};
use tenantry_testkit::{dump, postgres};

use crate::support::{self, blueprint, options};

/// Enough for a dozen batches of the backfill.
const MORE_ROWS: &str = "INSERT INTO note SELECT i, 1 + i % 50, repeat('x', 60) FROM generate_series(4001, 60000) i";

/// A writer with a login of the old kind, until it is told to end. Gives its writes; a failed one ends the test.
async fn write(target: Target, n: i32, end: Arc<AtomicBool>, next: Arc<AtomicI32>) -> u32 {
    let client = connect_with(&target, &Session::plain()).await.unwrap();
    let mut count = 0;
    while !end.load(Ordering::Relaxed) {
        let id = next.fetch_add(1, Ordering::Relaxed);
        let row = (id.wrapping_mul(7919) + n).rem_euclid(60_000) + 1;
        let statements = [
            format!("INSERT INTO note VALUES ({id}, 1 + {id} % 50, 'new')"),
            format!("UPDATE note SET body = 'changed' WHERE id = {row}"),
        ];
        for sql in statements {
            client.batch_execute(&sql).await.unwrap_or_else(|e| panic!("{sql}: {}", in_plain_words(&e)));
            count += 1;
        }
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn no_write_fails_while_apply_and_rollback_run() {
    let db = postgres(15).database("writers").await;
    db.execute(support::SCHEMA).await;
    db.execute(MORE_ROWS).await;
    let app = db.login("app", "").await;
    db.execute(&format!("GRANT SELECT, INSERT, UPDATE ON note, member, team TO \"{}\"", db.role("app"))).await;
    let before = dump(&db);
    let (_folder, options) = options();
    let blueprint = blueprint(&db).await;
    let (end, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI32::new(100_000)));
    let writers: Vec<_> =
        (0..4).map(|n| tokio::spawn(write(app.clone(), n, Arc::clone(&end), Arc::clone(&next)))).collect();
    apply::apply(&db.target(), &blueprint, &options, &Silent).await.unwrap();
    let client = db.connect().await;
    let sql = "SELECT count(*) FILTER (WHERE n.team_id IS DISTINCT FROM m.team_id), count(*)
               FROM public.note n JOIN public.member m ON m.id = n.member_id";
    let row = client.query_one(sql, &[]).await.unwrap();
    let (wrong, all): (i64, i64) = (row.get(0), row.get(1));
    assert_eq!(wrong, 0, "of {all} rows");
    apply::rollback(&db.target(), &options, &Silent).await.unwrap();
    end.store(true, Ordering::Relaxed);
    let mut writes = 0;
    for writer in writers {
        writes += writer.await.unwrap();
    }
    assert!(writes > 50, "{writes} writes are no load");
    assert_eq!(dump(&db), before);
}
