//! Futures dropped at every await: no transaction, and no row of another tenant, comes out of it. The same with a
//! pool that uses connections in doubt again, which must be noticed.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::{World, patient, tenant};
use crate::{Error, Options, TenantHandle, TenantPool};

/// More polls than any of the futures here takes.
const POLLS_MAX: usize = 400;

/// Polls a future so many times, lets something else happen, and drops it; whether it came to its end.
async fn cut<F: Future>(work: F, polls: usize, meanwhile: impl Future) -> bool {
    let mut work = pin!(work);
    let mut left = polls;
    let ended = poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        work.as_mut().poll(cx).map(|_| true)
    });
    if ended.await {
        return true;
    }
    meanwhile.await;
    false
}

/// Who had the connection before: the tenant itself, another, or there is none.
const FORMER: [&str; 3] = ["same", "other", "none"];

/// What a tenant does when it is cut off. `committing` is set when its rows may come to stay.
async fn work(scene: &str, a: &TenantHandle, name: &str, committing: &Cell<bool>) -> Result<(), Error> {
    const INSERT: &str = "INSERT INTO project (name) VALUES ($1)";
    match scene {
        "commit" => {
            let tx = a.begin().await?;
            tx.execute(INSERT, &[&name]).await?;
            tx.query("SELECT count(*) FROM project", &[]).await?;
            committing.set(true);
            tx.commit().await
        }
        "roll back" => {
            let tx = a.begin().await?;
            tx.execute(INSERT, &[&name]).await?;
            tx.rollback().await
        }
        "failed" => {
            let tx = a.begin().await?;
            tx.execute(INSERT, &[&name]).await?;
            let _ = tx.batch_execute("SELECT 1/0").await;
            tx.commit().await
        }
        "closure" => {
            a.transaction(|tx| async move {
                tx.batch_execute("SET LOCAL work_mem = '5MB'").await?;
                tx.execute(INSERT, &[&name]).await?;
                Err(Error::Closed)
            })
            .await
        }
        _ => {
            committing.set(true);
            a.execute(INSERT, &[&name]).await.map(drop)
        }
    }
}

/// Cuts the work off at each of its polls, after each former user of the connection, before and after the server has
/// answered. Gives what the next tenant noticed.
async fn leaks(world: &World, options: Options, scene: &str) -> Vec<String> {
    let pool = world.pool_with(Options { slots: Some(0..1), ..options }).await;
    let (a, b) = (pool.tenant(&tenant(0)), pool.tenant(&tenant(1)));
    let admin = world.db.connect_plain().await;
    let stayed = async |name: &str| -> bool {
        let sql = "SELECT count(*) > 0 FROM project WHERE name = $1";
        admin.query_one(sql, &[&name]).await.unwrap().get(0)
    };
    let mut found = Vec::new();
    for (former, answered) in FORMER.into_iter().flat_map(|f| [(f, false), (f, true)]) {
        for polls in 0..=POLLS_MAX {
            assert!(polls < POLLS_MAX, "{scene} takes more than {POLLS_MAX} polls");
            let case = format!("{scene}, {former} before, answered {answered}, {polls} polls");
            // what is left of an earlier cut is not this one's
            let _ = match former {
                "same" => a.query("SELECT 1", &[]).await.map(drop),
                "other" => b.query("SELECT 1", &[]).await.map(drop),
                _ => b.execute("DEALLOCATE ALL", &[]).await.map(drop),
            };
            let committing = Cell::new(false);
            let meanwhile = async {
                if answered {
                    // the server's answer comes, and nobody looks at it
                    stayed(&case).await;
                    tokio::task::yield_now().await;
                }
            };
            let ended = cut(work(scene, &a, &case, &committing), polls, meanwhile).await;
            if let Err(what) = next(&pool).await {
                found.push(format!("{case}: {what}"));
            }
            if stayed(&case).await && !committing.get() {
                found.push(format!("{case}: committed by another tenant"));
            }
            if ended {
                assert!(polls > 2, "{case}: too few places for a statement of a database");
                break;
            }
        }
    }
    admin.close().await;
    pool.close().await;
    found
}

/// The next tenant works on the same slot, and commits.
async fn next(pool: &TenantPool) -> Result<(), String> {
    let b = pool.tenant(&tenant(1));
    let tx = b.begin().await.map_err(|e| e.to_string())?;
    let row = tx
        .query_one(
            "SELECT string_agg(DISTINCT w.name, ' '), pg_current_xact_id_if_assigned()::text, current_setting('work_mem')
             FROM workspace w JOIN project p ON p.workspace_id = w.id",
            &[],
        )
        .await
        .map_err(|e| e.to_string())?;
    let (seen, open): (String, Option<String>) = (row.get(0), row.get(1));
    if seen != "Workspace 2" {
        return Err(format!("sees {seen}"));
    }
    if row.get::<_, String>(2) == "5MB" {
        return Err("has another tenant's settings".to_owned());
    }
    if open.is_some() {
        // go on as an application would that knows nothing of it
        tx.commit().await.map_err(|e| e.to_string())?;
        return Err("begins in another tenant's transaction".to_owned());
    }
    tx.commit().await.map_err(|e| e.to_string())
}

#[tokio::test]
async fn a_future_dropped_anywhere_leaves_nothing_to_the_next_tenant() {
    let world = World::new(15, "cut").await;
    for scene in ["commit", "roll back", "failed", "closure", "single"] {
        let found = leaks(&world, patient(), scene).await;
        assert!(found.is_empty(), "{found:#?}");
    }
}

/// The ablation: with connections in doubt used again, the same test must find something.
#[tokio::test]
async fn a_pool_that_keeps_connections_in_doubt_is_caught() {
    let world = World::new(15, "ablated").await;
    let found = leaks(&world, Options { keeps_in_doubt: true, ..patient() }, "commit").await;
    assert!(found.iter().any(|f| f.contains("another tenant's transaction")), "{found:#?}");
    assert!(found.iter().any(|f| f.contains("committed by another tenant")), "{found:#?}");
}

/// Cut off while it waits for its turn: the turn goes to the next one.
#[tokio::test]
async fn who_leaves_the_queue_takes_no_seat_along() {
    let world = World::new(15, "left").await;
    let pool = world.pool(1).await;
    let (a, b) = (pool.tenant(&tenant(0)), pool.tenant(&tenant(1)));
    for polls in 0..POLLS_MAX {
        let only = a.begin().await.unwrap();
        let waits = async {
            let tx = b.begin().await?;
            tx.rollback().await
        };
        let others = async {
            tokio::task::yield_now().await;
            only.commit().await
        };
        let (ended, committed) = tokio::join!(cut(waits, polls, async {}), others);
        committed.unwrap();
        next(&pool).await.unwrap();
        assert_eq!((pool.counts().used, pool.counts().waiting), (0, 0), "{polls}");
        if ended {
            return;
        }
    }
    panic!("never came to its end");
}

/// A statement that somebody stopped waiting for does not run on.
#[tokio::test]
async fn the_statement_of_a_dropped_future_is_cancelled() {
    let world = World::new(15, "sleep").await;
    let pool = world.pool(1).await;
    let (a, b) = (pool.tenant(&tenant(0)), pool.tenant(&tenant(1)));
    let running = "SELECT count(*)::text FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)' AND state = 'active'
        AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND datname = current_database()";
    let until = async |wanted: &str| while world.admin(running).await != wanted {};
    tokio::select! {
        _ = a.query("SELECT pg_sleep(3600)", &[]) => panic!("an hour is not over"),
        () = until("1") => {}
    }
    next(&pool).await.unwrap();
    until("0").await;
    // in a transaction too
    let tx = a.begin().await.unwrap();
    tokio::select! {
        _ = tx.query("SELECT pg_sleep(3600)", &[]) => panic!("an hour is not over"),
        () = until("1") => {}
    }
    drop(tx);
    b.query("SELECT 1", &[]).await.unwrap();
    until("0").await;
}
